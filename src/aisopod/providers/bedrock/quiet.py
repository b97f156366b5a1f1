"""Keeps botocore's log from showing what it must not: it writes whole answers and signatures."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["quiet"]

_inside: ContextVar[bool] = ContextVar("inside_botocore", default=False)


class _Quiet(logging.Filter):
    """Drops what is for debugging, and the tracebacks of the rest; only within `quiet()`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        if _inside.get():
            # An exception may hold what a process or a metadata service answered.
            record.exc_info = record.exc_text = None
            return record.levelno >= logging.INFO
        return True


_filter = _Quiet()
# Each writes requests, answers or what is signed. A filter holds for one logger only, not for
# those below it.
_LOGGERS = (
    "botocore.auth",
    "botocore.awsrequest",
    "botocore.client",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retries.standard",
    "botocore.retryhandler",
    "botocore.signers",
    "botocore.tokens",
    "botocore.utils",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, this thread's and task's use of botocore logs no secret."""
    if _filter not in logging.getLogger(_LOGGERS[0]).filters:
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_filter)
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
