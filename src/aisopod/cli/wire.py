"""`--debug`: the wire on stderr, with secrets masked."""

import logging

import click

from aisopod import Config
from aisopod.cli.text import visible
from aisopod.config import secrets_of

__all__ = ["show_wire"]


class _OnStderr(logging.Handler):
    """Writes each record as one line.

    The transport masks the headers that are known to carry credentials; what else the
    configuration holds, such as a gateway's own header, is masked here.
    """

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        text = record.getMessage()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        click.echo(visible(text), err=True)


def show_wire(config: Config) -> None:
    """Show every request and answer from here on."""
    logger = logging.getLogger("aisopod.wire")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(_OnStderr(secrets_of(config)))
