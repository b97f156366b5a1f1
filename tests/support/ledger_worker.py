"""Makes requests, as a process that may be killed: `ledger_worker.py SETTING FOLDER TRUTH NAME COUNT`.

TRUTH gets a line before a request begins and one after it has ended, apart from the ledger.
"""

import os
import random
import sys
import time
from decimal import Decimal
from pathlib import Path

from aisopod.stores import LedgerEntry, open_ledger
from aisopod.types import TokenUsage

AT_ONCE = 4


def main() -> None:
    setting, folder, truth, name, count = sys.argv[1:]
    ledger = open_ledger(setting, Path(folder))
    descriptor = os.open(truth, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    open_requests: list[tuple[str, str]] = []

    def end() -> None:
        key, number = open_requests.pop(random.randrange(len(open_requests)))
        tokens = random.randrange(1, 1000)
        ledger.end(
            LedgerEntry(
                id=key,
                at=time.time(),
                provider="p",
                model="m",
                tags={"n": number},
                usage=TokenUsage(input_tokens=tokens, output_tokens=1),
                cost=Decimal(tokens) / 1000,
                currency="USD",
                attempts=1,
                outcome="ok",
            )
        )
        os.write(descriptor, f"e {number} {tokens}\n".encode())

    for place in range(int(count)):
        number = f"{name}-{place}"
        os.write(descriptor, f"b {number}\n".encode())
        open_requests.append((ledger.begin("p", "m", tags={"n": number}), number))
        if len(open_requests) == AT_ONCE:
            end()
        time.sleep(0.001)
    while open_requests:
        end()
    ledger.close_blocking()


if __name__ == "__main__":
    main()
