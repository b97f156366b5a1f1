"""One request's way through candidates and profiles: policy, state and providers joined."""

from aisopod.routing.candidates import Candidate, chain_of
from aisopod.routing.context import Hooks, Routing, Wishes
from aisopod.routing.known import ModelList, build_directory, by_family, listed
from aisopod.routing.overview import check, check_chain, reset, standings
from aisopod.routing.pool import (
    Pool,
    build_provider,
    build_transport,
    find_host,
    usable_providers,
)
from aisopod.routing.recorder import Recorder
from aisopod.routing.route import Route
from aisopod.routing.stream import Stream
from aisopod.routing.waiting import WaitingRooms

__all__ = [
    "Candidate",
    "Hooks",
    "ModelList",
    "Pool",
    "Recorder",
    "Route",
    "Routing",
    "Stream",
    "WaitingRooms",
    "Wishes",
    "build_directory",
    "build_provider",
    "build_transport",
    "by_family",
    "chain_of",
    "check",
    "check_chain",
    "find_host",
    "listed",
    "reset",
    "standings",
    "usable_providers",
]
