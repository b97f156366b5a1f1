"""What all requests of a client share, and what one asks for beside its content."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from aisopod.config import FailoverConfig
from aisopod.discovery.directory import Directory
from aisopod.errors import AisopodError
from aisopod.routing.pool import Pool
from aisopod.routing.recorder import Recorder
from aisopod.routing.waiting import WaitingRooms
from aisopod.stores import Ledger, SharedState
from aisopod.types import Attempt, Timeouts

__all__ = ["Hooks", "Routing", "Wishes"]


class Hooks(NamedTuple):
    """What is called while a request finds its way; what a hook raises ends the request.

    Attributes:
        on_attempt: an attempt begins.
        on_failure: an attempt failed, with its error.
        on_switch: another profile or candidate is asked than before.
    """

    on_attempt: Callable[[Attempt], object] | None = None
    on_failure: Callable[[Attempt, AisopodError], object] | None = None
    on_switch: Callable[[Attempt, Attempt], object] | None = None


class Routing(NamedTuple):
    """What all requests of a client share."""

    pool: Pool
    state: SharedState
    recorder: Recorder
    rooms: WaitingRooms
    hooks: Hooks
    directory: Directory
    ledger: Ledger | None


class Wishes(msgspec.Struct, frozen=True):
    """What one request asks for beside its content.

    Attributes:
        failover: its bounds.
        timeouts: its limits; the provider's own when None.
        base_url: where the provider answers.
        session: id of the conversation, which stays with its profile.
        profile: id of the only profile of its provider that may be used.
        tags: what its row in the ledger can be summed by.
        check: whether it is held to what is known of the models.
    """

    failover: FailoverConfig
    timeouts: Timeouts | None = None
    base_url: str | None = None
    session: str | None = None
    profile: str | None = None
    tags: Mapping[str, str] | None = None
    check: bool = True
