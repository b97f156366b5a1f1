"""A real server with a real model, on two wires.

Both dialects of one server: `/v1/chat/completions` by the host `llamacpp`, `/v1/messages` by the
provider `anthropic` at the server's address.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

import aisopod
from aisopod import AisopodError, Client
from aisopod.config import Config, FailoverConfig, ProviderConfig
from aisopod.types import HttpRequest

__all__ = ["Server", "serving"]

SCRIPT = Path(__file__).resolve().parents[1] / "real" / "llama_server.py"


class Server:
    """The running server, and the errors that it gave until it was ready."""

    def __init__(self, port: int, model: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.models = (f"llamacpp/{model}", f"anthropic/{model}")
        self.while_loading: list[AisopodError] = []
        self.config = Config(
            providers={
                "llamacpp": ProviderConfig(base_url=f"{self.url}/v1"),
                "anthropic": ProviderConfig(base_url=self.url, api_key=aisopod.Secret("none")),
            },
            failover=FailoverConfig(max_wait=0),
            state="memory",
        )

    def wait_until_loaded(self) -> None:
        deadline = time.monotonic() + 120
        turn = 0
        while time.monotonic() < deadline:
            turn += 1
            # Each with a client of its own, which does not know yet that the last was refused.
            with Client(self.config) as client:
                try:
                    client.complete(self.models[turn % 2], "hi", max_tokens=1)
                except AisopodError as error:
                    self.while_loading.append(error)
                else:
                    return
            time.sleep(0.2)
        raise AssertionError(f"the server did not load: {self.while_loading[-1]}")

    async def is_busy(self) -> bool:
        from aisopod.transport.aiohttp_transport import AiohttpTransport

        transport = AiohttpTransport()
        request = HttpRequest(method="GET", url=f"{self.url}/slots")
        response = await transport.send(request, connect_timeout=5)
        slots: list[dict[str, Any]] = msgspec.json.decode(await response.read_all(1 << 20))
        response.close()
        await transport.close()
        return any(slot["is_processing"] for slot in slots)


@contextmanager
def serving(model: Literal["gemma", "smollm2"]) -> Iterator[Server]:
    """A server of the model, ready; the process ends with the context."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(port), model],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = Server(port, model)
        running.wait_until_loaded()
        yield running
    finally:
        process.kill()
        process.wait()
