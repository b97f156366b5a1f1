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

    def masked(self, text: str) -> str:
        """The text without what the configuration holds of secrets, such as a gateway's header.

        The engine masks the credential itself wherever a peer repeats it.
        """
        if "config" in self.__dict__:
            for secret in config.secrets_of(self.config):
                text = text.replace(secret, "***")
        return text
