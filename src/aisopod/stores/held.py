"""A lock that tells whether the process that took it is still alive.

Not `filelock`: its objects unlock when they are collected, which in a forked child takes the lock
from the parent, as both hold the same open file.
"""

import os
import sys
from pathlib import Path

__all__ = ["hold"]


def hold(path: Path) -> int | None:
    """Take the lock of this file; closing the descriptor, or the process's death, gives it back.

    Returns:
        The descriptor, or None when somebody else holds it.

    Raises:
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
