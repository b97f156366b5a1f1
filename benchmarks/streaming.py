"""CPU per streamed chunk and per request, beside peers, in one run.

    uv run python benchmarks/streaming.py [--only raw,aisopod] [--wire openai] [--paced]

A server in another process writes each chunk by itself. Every client runs in a process and an
environment of its own, with pinned versions, and does the same: gathers the text, sees the end.
Figures are CPU time of the client's process: the least of several repetitions.
Unpaced, a client finds many chunks in one read, and the figures show what a chunk costs once it
is there; paced, each chunk is a read of its own, and the system's calls are most of it.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "bench"
CLIENTS = {
    "raw": "raw",
    "raw_new_connection": "raw",
    "aisopod": "",
    "sdk": "sdks",
    "boto3": "sdks",
    "pydantic_ai": "pydantic_ai",
    "any_llm": "any_llm",
    "litellm": "litellm",
}
# Wanted: per chunk and per request at most so many times the raw limit, and so many times less
# than a peer, per chunk.
LIMITS = {
    "openai": {"chunk_us": 1.5, "request_us": 2.0},
    "anthropic": {"chunk_us": 1.5, "request_us": 2.0},
    "gemini": {"chunk_us": 1.6},
    "bedrock": {"chunk_us": 1.6},
}
# What there is not on every wire.
ONLY_ON = {
    "boto3": ["bedrock"],
    "litellm": ["openai", "anthropic"],
    "pydantic_ai": ["openai", "anthropic"],
    "any_llm": ["openai", "anthropic"],
}
PEERS = {
    ("litellm", "openai"): 60,
    ("litellm", "anthropic"): 60,
    ("sdk", "openai"): 20,
    ("sdk", "anthropic"): 6,
    ("sdk", "gemini"): 10,
    ("sdk", "bedrock"): 3,
}

Figures = dict[str, float]


def python_of(environment: str) -> str | None:
    """The interpreter of a client's environment, made on first use; None where it cannot be."""
    if not environment:
        return sys.executable
    python = CACHE / environment / "bin" / "python"
    marker = CACHE / environment / "installed"
    if not marker.exists():
        requirements = HERE / "requirements" / f"{environment}.txt"
        uv = os.environ.get("UV", "uv")
        make = [uv, "venv", "--quiet", "--clear", str(python.parents[1])]
        install = [uv, "pip", "install", "--quiet", "--python", str(python), "-r"]
        for command in (make, [*install, str(requirements)]):
            if subprocess.run(command, capture_output=True, check=False).returncode:
                return None
        marker.touch()
    return str(python)


def run(name: str, wire: str, port: int, options: argparse.Namespace) -> Figures | str:
    """One client's figures, or why there are none."""
    python = python_of(CLIENTS[name])
    if python is None:
        return "cannot be installed here"
    # The SDKs' base URLs differ: OpenAI's ends in /v1.
    url = f"http://127.0.0.1:{port}" + ("/v1" if wire == "openai" else "")
    paced = "paced" if options.paced else ""
    command = [python, str(HERE / "_clients.py"), name, wire, url]
    result = subprocess.run(
        [*command, str(options.chunks), str(options.repeat), paced],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        return f"failed: {result.stderr.strip().splitlines()[-1]}"
    figures: Figures = json.loads(result.stdout.splitlines()[-1])
    return figures


def table(wire: str, found: dict[str, Figures | str]) -> None:
    print(f"\n{wire} wire\n")
    print("| client | CPU us per chunk | x raw | x aisopod | CPU us per request | x raw |")
    print("|---|---|---|---|---|---|")
    base, ours = found.get("raw"), found.get("aisopod")
    for name, figures in found.items():
        if isinstance(figures, str):
            print(f"| {name} | {figures} | | | | |")
            continue
        cells = [
            f"{figures['chunk_us']:.1f}",
            ratio(figures, base, "chunk_us"),
            ratio(figures, ours, "chunk_us"),
            f"{figures['request_us']:.0f}",
            ratio(figures, base, "request_us"),
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    if isinstance(base, dict):
        print(f"\nreads a stream, seen by raw: {base['reads']}")


def ratio(figures: Figures, base: Figures | str | None, field: str) -> str:
    return f"{figures[field] / base[field]:.2f}" if isinstance(base, dict) else ""


def targets(wire: str, found: dict[str, Figures | str]) -> None:
    ours = found.get("aisopod")
    if not isinstance(ours, dict):
        return
    for raw in ("raw", "raw_new_connection"):
        base = found.get(raw)
        for field, limit in LIMITS[wire].items() if isinstance(base, dict) else ():
            if raw == "raw_new_connection" and field == "chunk_us":
                continue
            value = ours[field] / base[field]
            say(f"{field} at most {limit} x {raw}", value, met=value <= limit)
    for (name, of), factor in PEERS.items():
        peer = found.get(name)
        if of == wire and isinstance(peer, dict):
            value = peer["chunk_us"] / ours["chunk_us"]
            say(f"chunk_us at least {factor} times less than {name}", value, met=value >= factor)


def say(what: str, value: float, *, met: bool) -> None:
    print(f"  {'met    ' if met else 'NOT MET'} {what}: {value:.2f}")


def imports() -> None:
    """How long a process takes that only imports, beside one that does nothing."""

    def start(code: str) -> float:
        times = []
        for _ in range(15):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-I", "-c", code], check=True)
            times.append(time.perf_counter() - started)
        return statistics.median(times) * 1000

    empty, ours = start("pass"), start("import aisopod")
    say("import aisopod at most 3 x an empty interpreter", ours / empty, met=ours <= 3 * empty)
    print(f"          ({ours:.1f} ms beside {empty:.1f} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CLIENTS))
    parser.add_argument("--wire", choices=list(LIMITS))
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(HERE / "_server.py"), str(port)])
    everything = {}
    try:
        time.sleep(1)
        for wire in [options.wire] if options.wire else LIMITS:
            names = [
                name for name in options.only.split(",") if wire in ONLY_ON.get(name, list(LIMITS))
            ]
            found = {name: run(name, wire, port, options) for name in names}
            everything[wire] = found
            table(wire, found)
            targets(wire, found)
    finally:
        server.kill()
        server.wait()
    imports()
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
