"""The world of the failover tests, for what a store's trouble does to a chat."""

from failover.conftest import world

__all__ = ["world"]
