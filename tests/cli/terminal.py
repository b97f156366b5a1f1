"""A terminal for a child process, as small as it can be: stdlib pty, send and expect."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from types import TracebackType
from typing import Self

# So that Ctrl-C, sent as a key, becomes SIGINT for the command.
_CONTROLLING = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs a command on a pseudo-terminal."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        self.seen = ""
        self._read_to = 0

        self.process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLING, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def send(self, text: str) -> None:
        os.write(self._master, text.encode())

    def expect(self, pattern: str, timeout: float = 15.0) -> str:
        """Read until what is new matches; the text up to the match's end."""
        end = time.monotonic() + timeout
        while True:
            new = self.seen[self._read_to :]
            if found := re.search(pattern, plain(new)):
                # Colour codes make positions differ; what matched is behind us all the same.
                self._read_to = len(self.seen)
                return plain(new)[: found.end()]
            if time.monotonic() > end or not self._read():
                raise AssertionError(f"{pattern!r} did not come; seen: {plain(new)!r}")

    def wait(self, timeout: float = 15.0) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + timeout
        while self._read() and time.monotonic() < end:
            pass
        return self.process.wait(timeout)

    def _read(self) -> bool:
        readable, _, _ = select.select([self._master], [], [], 0.1)
        if not readable:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux' way to say that the child is gone
            return False
        if b"\x1b[6n" in data:
            # prompt_toolkit asks where the cursor is, and a real terminal answers.
            os.write(self._master, b"\x1b[1;1R")
        self.seen += data.decode("utf-8", "replace")
        return bool(data)


def plain(text: str) -> str:
    """The text without what steers the terminal."""
    return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)|\r", "", text)
