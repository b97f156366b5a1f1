"""What it takes to begin: whole processes in wall-clock milliseconds, and the snapshot's memory.

    python benchmarks/startup.py [--rounds 20]

Medians, in turns, so that the machine's moods are everybody's. `aisopod models` reads listings that
lie in the cache; the yardstick is what any command line with the same two libraries costs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

YARDSTICK = "import click, msgspec"
# What a program pays that asks the catalogue its first question.
SNAPSHOT = """
import os, sys, time
import aisopod.catalogue
from aisopod.catalogue.snapshot import rows_of
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before, began = resident(), time.perf_counter()
assert rows_of("openai")
took = time.perf_counter() - began
print(took * 1000, (resident() - before) / 2**20)
"""
LISTED = 120
"""Models of each provider's listing in the cache."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder))
        models = [sys.executable, "-m", "aisopod", "models"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            f'python -c "{YARDSTICK}"': [sys.executable, "-c", YARDSTICK],
            'python -c "import aisopod"': [sys.executable, "-c", "import aisopod"],
            "aisopod models, in a pipe": models,
            "aisopod models --json (all facts)": [*models, "--json"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        snapshots = []
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(took(command, env))
            snapshots.append(snapshot(env))
    loads, sizes = zip(*snapshots, strict=True)
    print(f"{'':<36}  median    least")
    for name, each in [*times.items(), ("the snapshot, read and decoded", loads)]:
        print(f"{name:<36} {statistics.median(each):>7.1f}  {min(each):>7.1f} ms")
    print(f"{'the same, resident':<36} {statistics.median(sizes):>7.1f}  {min(sizes):>7.1f} MB")


def environment(folder: Path) -> dict[str, str]:
    """A user with two providers, whose listings are fresh in the cache."""
    env = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    keys = {"ANTHROPIC_API_KEY": "sk-ant-0123456789", "OPENAI_API_KEY": "sk-0123456789"}
    env |= {"HOME": str(folder)} | keys
    fill = (
        "import time; from aisopod.config import load_config;"
        "from aisopod.discovery.cache import Listing;"
        "from aisopod.routing.known import account_of, listings_cache;"
        "from aisopod.types import ModelInfo;"
        "[listings_cache().write(Listing(provider=name, at=time.time(), models=["
        f"ModelInfo(id=f'model-{{n}}', provider=name, raw={{'n': n}}) for n in range({LISTED})]),"
        " account_of(name, load_config())) for name in ('anthropic', 'openai')]"
    )
    subprocess.run([sys.executable, "-c", fill], env=env, check=True, cwd=folder)
    done = subprocess.run(
        [sys.executable, "-m", "aisopod", "models"], env=env, check=True, capture_output=True
    )
    assert done.stdout.count(b"\n") == 2 * LISTED, done
    return env


def took(command: list[str], env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, cwd=env["HOME"])
    return (time.perf_counter() - began) * 1000


def snapshot(env: dict[str, str]) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", SNAPSHOT], env=env, check=True, capture_output=True, text=True
    )
    milliseconds, megabytes = done.stdout.split()
    return float(milliseconds), float(megabytes)


if __name__ == "__main__":
    main()
