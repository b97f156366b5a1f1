"""Real clients in eight processes, killed at any moment: what the simulator served is in the ledger."""

import logging
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import pytest

from aisopod import AsyncClient
from aisopod.simulator import Reply, SimulatedKey, Simulator
from aisopod.types import TokenUsage
from support.chat_worker import AT_ONCE, KEY, config

WORKER = Path(__file__).resolve().parents[1] / "support" / "chat_worker.py"
PROCESSES = 8
REQUESTS = 10_000 if os.environ.get("AISOPOD_FULL") else 800
KILLS = 3
"""Of each process, which is started again with what is left."""
REPORT = re.compile(r"(\d+) requests had begun when their process died")


def tokens_of(name: str) -> int:
    """What the simulator counts for a prompt."""
    return crc32(name.encode()) % 1000 + 1


def reply(body: dict[str, object]) -> Reply:
    usage = TokenUsage(input_tokens=tokens_of(prompt_of(body)), output_tokens=2)
    return Reply(content="one two", usage=usage)


def prompt_of(body: object) -> str:
    assert isinstance(body, dict)
    return str(body["messages"][-1]["content"])


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_ledger_has_what_the_simulator_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SimulatedKey()
    with Simulator(reply, keys={KEY: key}) as simulator:
        url = simulator.url_for("openai")
        with ThreadPoolExecutor(PROCESSES) as pool:
            works = [pool.submit(work, url, tmp_path, number) for number in range(PROCESSES)]
            kills = sum(each.result() for each in works)
        served = Counter(prompt_of(request.body) for request in simulator.requests)
        with caplog.at_level(logging.WARNING, "aisopod.state"):
            async with AsyncClient(config(url, tmp_path)) as client:
                groups = await client.usage(["tag:n"])
                [whole] = await client.usage()

    assert key.served == len(served) >= REQUESTS  # nobody asked twice
    rows = {group.keys["tag:n"]: group for group in groups}
    assert all(group.requests == 1 for group in groups)
    # A row is begun before anything is sent: what the simulator served is there, known or not.
    assert served.keys() <= rows.keys()
    known = {name for name, group in rows.items() if group.outcomes == {"ok": 1}}
    unknown = rows.keys() - known
    assert known <= served.keys()
    assert len(unknown) <= kills * AT_ONCE
    assert all(rows[name].outcomes == {"unknown": 1} for name in unknown)
    # Each of them was told of when the next process started.
    assert reported(tmp_path, caplog.text) == len(unknown)
    # And the sums are the simulator's own.
    in_the_air = sum(tokens_of(name) for name in unknown & served.keys())
    tokens = sum(map(tokens_of, served))
    assert whole.usage is not None
    assert whole.usage.input_tokens == tokens - in_the_air
    assert whole.usage.output_tokens == 2 * len(known)
    assert whole.usage.quality == "exact"
    assert whole.costs == {"USD": Decimal(tokens - in_the_air) / 1000}
    assert whole.outcomes == Counter(ok=len(known), unknown=len(unknown)) - Counter()
    assert whole.uncounted == whole.unpriced == len(unknown)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(served)} served to {PROCESSES} processes, {kills} kills; {len(known)} in the "
            f"ledger with {whole.usage.input_tokens} tokens, {len(unknown)} unknown, of which "
            f"{len(unknown & served.keys())} were served"
        )


def reported(folder: Path, own: str) -> int:
    """How many requests the workers and this process said to be of unknown outcome."""
    told = [*(file.read_text() for file in folder.glob("*.log")), own]
    return sum(int(each) for text in told for each in REPORT.findall(text))


def work(url: str, folder: Path, number: int) -> int:
    """Keep one process going, killing it now and then; gives how often."""
    chance = random.Random()
    left = REQUESTS // PROCESSES
    kills = 0
    for life in range(KILLS + 1):
        name = f"{number}-{life}"
        done = folder / f"{name}.done"
        is_last = life == KILLS
        wanted = max(left, 0) if is_last else max(left, REQUESTS // PROCESSES // 4)
        with (folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, WORKER, url, folder, name, str(wanted)], stderr=log
            )
        if is_last:
            assert process.wait(600) == 0
            break
        wait_for(done, 1 + chance.randrange(1, max(2, wanted // 2)), process)
        time.sleep(chance.uniform(0, 0.05))
        kills += process.poll() is None
        process.kill()
        process.wait()
        left -= done.read_bytes().count(b"e")
    return kills


def wait_for(file: Path, size: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while process.poll() is None and (not file.exists() or file.stat().st_size < size):
        assert time.monotonic() < deadline
        time.sleep(0.005)
