"""What holds for the whole program."""

import sys
from functools import cached_property

from aisopod import Config, config, load_config

__all__ = ["Settings"]


class Settings:
    """The options before the command, and what the terminal can do."""

    def __init__(self) -> None:
        self.config_file: str | None = None

    @cached_property
    def config(self) -> Config:
        """The configuration, read when it is first wanted."""
        return load_config(self.config_file)

    @property
    def wants_traceback(self) -> bool:
        """Whether an error shows where it came from."""
        return config.wants_traceback()

    @cached_property
    def colour(self) -> bool:
        """Whether stdout takes colour codes."""
        return sys.stdout.isatty() and config.wants_colour()
