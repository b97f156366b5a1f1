"""Keys and providers that fail, ten thousand times: what comes of the requests, and at what cost.

    uv run python benchmarks/failover.py [--requests 300] [--only litellm] [--seed 1]

The server (`_storm.py`) is the simulator: five keys of one provider, one key of a second one. What
each request meets is settled by the seed. Each side (`_routers.py`) runs in a process and an
environment of its own, against a server of its own, one after the other.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from streaming import HERE, python_of

ENVIRONMENTS = {"aisopod": "", "litellm": "litellm"}

Figures = dict[str, Any]


class Server:
    """A server in a process of its own, whose counts are told at its end."""

    def __init__(self, options: argparse.Namespace, weather: str) -> None:
        arguments = [str(options.requests), str(options.seed), str(options.window), weather]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "_storm.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def end(self) -> Figures:
        told, _ = self._process.communicate()
        counts: Figures = json.loads(told.splitlines()[-1])
        return counts


def run(name: str, options: argparse.Namespace) -> Figures | str:
    """One side's figures with its server's counts, or why there are none."""
    python = python_of(ENVIRONMENTS[name])
    if python is None:
        return "cannot be installed here"
    calm, storm = Server(options, "calm"), Server(options, "storm")
    arguments = [str(options.requests), str(options.concurrency), str(options.rate)]
    arguments.append(str(options.window))
    result = subprocess.run(
        [python, str(HERE / "_routers.py"), name, calm.url, storm.url, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    calm.end()
    counts = storm.end()
    if result.returncode:
        return f"failed: {result.stderr.strip().splitlines()[-1]}"
    figures: Figures = json.loads(result.stdout.splitlines()[-1])
    return {**figures, **counts}


def rows(figures: Figures, requests: int) -> dict[str, str]:
    ends, counts = figures["ends"], figures["counts"]
    calm = at(figures["calm"], 0.5)
    before = {end: count for end, count in ends.items() if end.startswith("before content")}
    after = {end: count for end, count in ends.items() if end.startswith("after content")}
    dropped = {what: count for what, count in counts.items() if what.startswith("drop")}
    wasted = {what: count for what, count in counts.items() if what.startswith("wasted")}
    assert sum(ends.values()) == requests
    return {
        "requests": f"{requests:,}",
        "whole answers": f"{ends.get('whole', 0):,}",
        "dropped by the server after content": told(dropped),
        "errors after content, which no retry can mend": told(after),
        "errors before content": told(before),
        "half or wrong answers delivered as whole": f"{ends.get('not whole', 0):,}",
        "calls in total": f"{counts['calls']:,}",
        "wasted calls (to a key known to be refused)": told(wasted),
        "the same, on their way when that was told": f"{counts.get('crossed', 0):,}",
        "calls into the outage": f"{counts.get('outage', 0):,}",
        "added latency p50, ms": f"{(at(figures['latencies'], 0.5) - calm) * 1000:,.0f}",
        "added latency p99, ms": f"{(at(figures['latencies'], 0.99) - calm) * 1000:,.0f}",
        "the same of all that could be served, ms": of_all(
            figures["latencies"], requests - sum(dropped.values()), calm
        ),
        "latency of a calm request p50, ms": f"{calm * 1000:,.0f}",
        "wall seconds": f"{figures['wall']:.0f}",
        "CPU seconds": f"{figures['cpu']:.0f}",
    }


def of_all(latencies: list[float], could_be_served: int, calm: float) -> str:
    """p99 where a request without a whole answer waits for ever: who gives up early is not quick."""
    place = int(could_be_served * 0.99)
    return (
        f"{(latencies[place] - calm) * 1000:,.0f}" if place < len(latencies) else "never answered"
    )


def told(ends: dict[str, int]) -> str:
    """How many, and of which classes."""
    classes = sorted(ends.items(), key=lambda item: -item[1])
    names = ", ".join(f"{end.partition(': ')[2] or end} {count:,}" for end, count in classes)
    return f"{sum(ends.values()):,}" + (f" ({names})" if names else "")


def at(sorted_values: list[float], share: float) -> float:
    if not sorted_values:
        return float("nan")
    return sorted_values[min(int(len(sorted_values) * share), len(sorted_values) - 1)]


def table(found: dict[str, dict[str, str]]) -> None:
    print(f"\n| | {' | '.join(found)} |")
    print("|---|" + "---|" * len(found))
    for row in next(iter(found.values()), {}):
        print(f"| {row} | {' | '.join(side[row] for side in found.values())} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(ENVIRONMENTS))
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument(
        "--rate", type=float, default=10.0, help="requests begun in a second; 0: all at once"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--window", type=float, default=0.5, help="seconds for which a 429 limits a key"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    everything = {name: run(name, options) for name in options.only.split(",")}
    found = {}
    for name, figures in everything.items():
        if isinstance(figures, str):
            print(f"{name}: {figures}")
            continue
        found[name] = rows(figures, options.requests)
        print(f"\n{name}: the server's counts by key")
        for key, counts in sorted(figures["per_key"].items()):
            print(f"  {key}  {', '.join(f'{what} {count}' for what, count in counts.items())}")
    table(found)
    if options.json:
        options.json.write_text(json.dumps(everything))


if __name__ == "__main__":
    main()
