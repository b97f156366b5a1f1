"""The store that a setting asks for."""

from pathlib import Path

from aisopod.errors import ConfigurationError
from aisopod.stores.memory import MemoryStore
from aisopod.stores.store import Store

__all__ = ["open_store"]

_SERVERS = ("redis://", "rediss://", "unix://")


def open_store(setting: str, folder: Path) -> Store:
    """Open it; nothing is read or written yet.

    Args:
        setting: `sqlite`, `sqlite:FILE`, `memory`, or the URL of a Redis server.
        folder: where the file of `sqlite` is.

    Raises:
        ConfigurationError: it is none of these.
        MissingDependencyError: the extra for it is not installed.
    """
    # Each store's library is loaded only where it is used.
    if setting == "memory":
        return MemoryStore()
    if setting == "sqlite" or setting.startswith("sqlite:"):
        from aisopod.stores.sqlite import SqliteStore

        file = setting.removeprefix("sqlite").removeprefix(":")
        return SqliteStore(Path(file).expanduser() if file else folder / "state.sqlite")
    if setting.startswith(_SERVERS):
        from aisopod.stores.redis import RedisStore

        return RedisStore(setting)
    raise ConfigurationError(
        f"state: found {setting.partition('://')[0]!r}, allowed is sqlite, sqlite:FILE, memory, or "
        "the URL of a Redis server, as in redis://host:6379/0"
    )
