"""The server of the storm: the simulator, with faults by seed and a count of every call.

    _storm.py REQUESTS SEED WINDOW CALM

Prints its address, runs until its standard input ends, then prints its counts.

What a request meets is settled by the seed, its number, and how many keys in order it has reached
before: so both sides face the same storm, whichever keys they choose and however fast they are.
Events (revocation, outage) come when a share of the requests has been seen.
"""

import asyncio
import hashlib
import json
import math
import re
import sys
import time
from collections import Counter
from typing import Any, NamedTuple

from aisopod.simulator import Fault, Reply, SimulatedKey, Simulator

OPENAI_KEYS = ("sk-a", "sk-b", "sk-c", "sk-d", "sk-e")
ANTHROPIC_KEY = "sk-z"
REVOKED, EXHAUSTED = "sk-b", "sk-c"

# Shares of the calls that reach a key in order.
SHARES = {
    "limited, told": 0.10,
    "limited, not told": 0.10,
    "500": 0.02,
    "error in 200": 0.01,
    # Half of the drops reset the connection; the others, as behind a proxy, end it in good order.
    "drop after content, reset": 0.005,
    "drop after content, closed": 0.005,
    "stall": 0.01,
}
REVOKED_AT = 0.5
DOWN = (0.65, 0.75)
# A call that was on its way when its key was refused could not know it yet.
NEWS_SECONDS = 0.05

_NUMBER = re.compile(r"storm request (\d+)\.")
_QUOTA = json.dumps(
    {
        "error": {
            "message": "You exceeded your current quota, please check your plan and billing "
            "details.",
            "type": "insufficient_quota",
            "param": None,
            "code": "insufficient_quota",
        }
    }
).encode()


FAULTS = {
    "limited, not told": Fault(kind="status", status=429),
    "500": Fault(kind="status", status=500),
    "outage": Fault(kind="status", status=503),
    "revoked": Fault(kind="status", status=401),
    "exhausted": Fault(kind="status", status=429, body=_QUOTA),
    "error in 200": Fault(kind="error", status=503),
    "drop after content, reset": Fault(kind="drop", after=2),
    "drop after content, closed": Fault(kind="truncate", after=2),
    "stall": Fault(kind="stall"),
}


class Refused(NamedTuple):
    """That a key is refused, since when that was told, and until when it lasts."""

    kind: str
    told: float
    until: float


def prompt(number: int) -> str:
    return f"This is storm request {number}. Answer it."


def answer(number: int) -> str:
    return f"Answer {number} has its start, its middle, and then at last its end {number}."


class Storm:
    """Chooses what happens to each call, and counts."""

    def __init__(self, requests: int, seed: int, window: float, *, calm: bool) -> None:
        self.counts: Counter[str] = Counter()
        self.per_key: dict[str, Counter[str]] = {}
        self._requests = requests
        self._seed = seed
        self._window = window
        self._calm = calm
        self._latest = 0
        self._draws: Counter[int] = Counter()
        self._refused: dict[str, Refused] = {}

    def reply(self, body: dict[str, Any], key: str | None) -> Reply:
        found = _NUMBER.search(str(body["messages"]))
        assert found is not None
        assert key is not None
        number = int(found[1])
        self._latest = max(self._latest, number)
        what = "whole" if self._calm else self._meets(number, key)
        self.counts["calls"] += 1
        self.counts[what] += 1
        self.per_key.setdefault(key, Counter())[what] += 1
        return Reply(content=answer(number), chunk_chars=20, fault=self._fault(what, key))

    def _meets(self, number: int, key: str) -> str:
        done, now = self._latest / self._requests, time.monotonic()
        if key != ANTHROPIC_KEY and DOWN[0] <= done < DOWN[1]:
            return "outage"
        refused = self._refused.get(key)
        if key == EXHAUSTED or (key == REVOKED and done >= REVOKED_AT):
            kind = "exhausted" if key == EXHAUSTED else "revoked"
            if refused is None or refused.kind != kind:
                self._refused[key] = Refused(kind, now, float("inf"))
                return kind
        if refused is not None and now < refused.until:
            known = now - refused.told > NEWS_SECONDS
            self.counts[f"wasted: {refused.kind}" if known else "crossed"] += 1
            return refused.kind
        what = self._draw(number)
        if what.startswith("limited"):
            self._refused[key] = Refused(what, now, now + self._window)
        return what

    def _draw(self, number: int) -> str:
        """What the nth call for a request that reaches a key in order meets there."""
        self._draws[number] += 1
        text = f"{self._seed} {number} {self._draws[number]}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        chance = int.from_bytes(digest, "big") / 2**64
        for what, share in SHARES.items():
            chance -= share
            if chance < 0:
                return what
        return "whole"

    def _fault(self, what: str, key: str) -> Fault | None:
        if what != "limited, told":
            return FAULTS.get(what)
        left = self._refused[key].until - time.monotonic()
        seconds = f"{math.ceil(max(left, 0.001) * 1000) / 1000:g}"
        return Fault(kind="status", status=429, headers={"retry-after": seconds})


async def main() -> None:
    requests, seed, window, calm = sys.argv[1:]
    storm = Storm(int(requests), int(seed), float(window), calm=calm == "calm")
    # Limit headers would tell what a hidden limit is to hide.
    keys = {key: SimulatedKey(limit_headers=False) for key in (*OPENAI_KEYS, ANTHROPIC_KEY)}
    async with Simulator(storm.reply, keys=keys) as simulator:
        print(simulator.base_url, flush=True)
        ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not ending.done():
            # Transcripts are for tests: tens of thousands of them are only in the way.
            simulator.requests.clear()
            await asyncio.wait([ending], timeout=1)
    print(json.dumps({"counts": storm.counts, "per_key": storm.per_key}))


if __name__ == "__main__":
    asyncio.run(main())
