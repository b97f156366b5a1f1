"""The secrets of profiles: read when first wanted, and again when there is reason to."""

import logging
import time
from collections.abc import Iterable
from copy import copy
from typing import NamedTuple

from aisopod import config as configuration
from aisopod.config import Profile
from aisopod.errors import ConfigurationError
from aisopod.providers.host import Credential

__all__ = ["Key", "Keys"]

log = logging.getLogger("aisopod.failover")

REREAD_SECONDS = 30.0
"""The least time between two readings that cost something: a command may take its time or ask its
user, and one that fails is likely to fail again."""


class Key(NamedTuple):
    """A profile's credential as it was read.

    Attributes:
        credential: the credential; None where the platform finds it.
        secret: its fingerprint.
        stamp: what the profile's stamp was.
        at: when it was read, by the process's own clock.
    """

    credential: Credential | None
    secret: str
    stamp: object
    at: float


class Problem(NamedTuple):
    """Why a profile cannot be used as it is set up; the rest is as for a Key."""

    error: ConfigurationError
    stamp: object
    at: float


class Keys:
    """What is at hand of profiles' secrets, and what is wrong with those that are not.

    Attributes:
        problems: what is wrong, by profile.
    """

    def __init__(self) -> None:
        self.problems: dict[str, Problem] = {}
        self._keys: dict[str, Key] = {}
        self._told: set[tuple[str, str]] = set()

    def at_hand(self, profile: str) -> Key | None:
        """The credential that was read last."""
        return self._keys.get(profile)

    def problem(self, profile: str) -> ConfigurationError | None:
        """What is wrong with a profile; an error of its own for each who raises it."""
        found = self.problems.get(profile)
        return copy(found.error) if found is not None else None

    def read(self, profile: Profile) -> Key:
        """Read the secret; blocks where the profile does.

        Raises:
            ConfigurationError: it cannot be read.
        """
        stamp = profile.stamp()
        before = self._keys.get(profile.id)
        try:
            credential = profile.load()
        except ConfigurationError as error:
            if before is None or not profile.blocking:
                self.failed(profile, error, stamp)
                raise
            # A locked keyring takes nothing from what was read before: it may be taken yet.
            self._tell(f"{profile.id} keeps the secret that it has", error)
            key = before._replace(stamp=stamp, at=time.monotonic())
        else:
            secret = configuration.fingerprint(credential)
            key = Key(credential, secret, stamp, time.monotonic())
        self.problems.pop(profile.id, None)
        self._keys[profile.id] = key
        return key

    def failed(self, profile: Profile, error: ConfigurationError, stamp: object) -> None:
        """Remember what is wrong with a profile."""
        self._keys.pop(profile.id, None)
        self.problems[profile.id] = Problem(copy(error), stamp, time.monotonic())

    def tell(self, profiles: Iterable[str]) -> None:
        """Say once of these what is wrong with them."""
        for profile in profiles:
            if profile in self.problems:
                self._tell(f"{profile} is passed over", self.problems[profile].error)

    def is_due(self, profile: Profile) -> bool:
        """Whether reading the secret again may bring another, and is not too soon."""
        found = self.problems.get(profile.id) or self._keys.get(profile.id)
        if found is None or profile.stamp() != found.stamp:
            return True
        shows_changes = not profile.blocking and profile.id not in self.problems
        return not shows_changes and time.monotonic() - found.at >= REREAD_SECONDS

    def forget(self, profile: str) -> None:
        """Read the secret anew when it is next wanted."""
        self._keys.pop(profile, None)
        self.problems.pop(profile, None)

    def _tell(self, what: str, error: ConfigurationError) -> None:
        if (what, error.message) not in self._told:
            self._told.add((what, error.message))
            log.warning("%s: %s", what, error)
