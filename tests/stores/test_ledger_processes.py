"""Eight processes, killed at any moment and started again: what they did is in the ledger, once."""

import asyncio
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from aisopod.stores import Group, open_ledger
from support.ledger_worker import AT_ONCE

WORKER = Path(__file__).resolve().parents[1] / "support" / "ledger_worker.py"
PROCESSES = 8
REQUESTS = 10_000 if os.environ.get("AISOPOD_FULL") else 2_000
KILLS = 3


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_killed_processes_lose_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = "sqlite" if kind == "sqlite" else str(request.getfixturevalue("redis_url"))
    with ThreadPoolExecutor(PROCESSES) as pool:
        works = [pool.submit(work, setting, tmp_path, number) for number in range(PROCESSES)]
        kills = sum(each.result() for each in works)
    begun, ended = truth(tmp_path)
    ledger = open_ledger(setting, tmp_path)
    groups = asyncio.run(ledger.aggregate(["tag:n"]))
    [whole] = asyncio.run(ledger.aggregate())
    asyncio.run(ledger.close())

    stored = {group.keys["tag:n"]: group for group in groups}
    unknown = {name for name, group in stored.items() if "unknown" in group.outcomes}
    assert len(ended) >= REQUESTS
    assert all(group.requests == 1 for group in groups)
    assert set(stored) <= begun
    # What its process saw end is there, with its numbers, and nothing of that is unknown.
    assert {name: tokens_of(stored[name]) for name in ended} == ended
    assert not unknown & set(ended)
    # What was in the air: the kill fell before the first line (missing), between the two lines
    # (unknown), or after the second but before the worker's own note (there).
    air = begun - set(ended)
    assert len(air) <= kills * AT_ONCE
    assert len(begun - set(stored)) <= kills
    late = {name: tokens_of(stored[name]) for name in air & set(stored) - unknown}
    assert len(late) <= kills
    tokens = sum((ended | late).values())
    assert whole.usage is not None
    assert whole.usage.input_tokens == tokens
    assert whole.costs == {"USD": Decimal(tokens) / 1000}
    assert whole.uncounted == len(unknown)
    assert list((tmp_path / "ledger").glob("*.jsonl")) == []
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{kind}: {len(begun)} begun by {PROCESSES} processes, {kills} kills; {len(ended)} "
            f"ended and all stored, {len(unknown)} unknown, {len(late)} ended unnoticed, "
            f"{len(begun - set(stored))} killed before their first line"
        )


def work(setting: str, folder: Path, number: int) -> int:
    """Keep one process going, killing it now and then; gives how often."""
    chance = random.Random()
    share = REQUESTS // PROCESSES
    file = folder / f"{number}.truth"
    kills = 0
    for life in range(KILLS + 1):
        before = _ended(file)
        left = share - before
        if left <= 0 and life < KILLS:
            left = share // 4
        process = subprocess.Popen(
            [sys.executable, WORKER, setting, folder, file, f"{number}-{life}", str(max(left, 1))]
        )
        if life < KILLS:
            goal = before + chance.randrange(1, max(2, left // 2))
            wait_until_ended(file, goal, process)
            time.sleep(chance.uniform(0, 0.05))
            kills += process.poll() is None
            process.kill()
            process.wait()
        else:
            assert process.wait(240) == 0
    return kills


def wait_until_ended(file: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while _ended(file) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _ended(file: Path) -> int:
    return file.read_bytes().count(b"\ne ") if file.exists() else 0


def truth(folder: Path) -> tuple[set[str], dict[str, int]]:
    """What the workers noted: who began, and with how many tokens who ended."""
    lines = [
        line.split() for file in folder.glob("*.truth") for line in file.read_text().splitlines()
    ]
    begun = {line[1] for line in lines if line[0] == "b"}
    return begun, {line[1]: int(line[2]) for line in lines if line[0] == "e"}


def tokens_of(group: Group) -> int:
    return group.usage.input_tokens if group.usage is not None else -1
