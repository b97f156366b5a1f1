"""The store and the ledger that a setting asks for."""

from pathlib import Path

from aisopod.errors import ConfigurationError
from aisopod.stores.ledger import Ledger
from aisopod.stores.ledger_memory import MemoryLedger
from aisopod.stores.memory import MemoryStore
from aisopod.stores.outage import Outage
from aisopod.stores.store import Store

__all__ = ["open_ledger", "open_store"]

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

        return SqliteStore(_file(setting, folder))
    if setting.startswith(_SERVERS):
        from aisopod.stores.redis import RedisStore

        return RedisStore(setting)
    raise _unknown(setting)


def open_ledger(
    setting: str, folder: Path, *, keep_days: float = 90, outage: Outage | None = None
) -> Ledger:
    """The ledger beside that state; nothing is read or written yet.

    Args:
        setting: as `open_store` takes it.
        folder: where the file of `sqlite` and the journals are.
        keep_days: for how long rows are kept.
        outage: what is told of the state's server, which is the ledger's, too.

    Raises:
        ConfigurationError: it is none of these.
        MissingDependencyError: the extra for it is not installed.
    """
    keep = keep_days * 86400
    if setting == "memory":
        return Ledger(MemoryLedger(keep), None)
    journals = folder / "ledger"
    if setting == "sqlite" or setting.startswith("sqlite:"):
        from aisopod.stores.ledger_sqlite import SqliteLedger

        # A file of its own: a batch of rows must not keep the state's writers waiting.
        state = _file(setting, folder)
        file = state.with_name(f"{state.stem}-usage{state.suffix}")
        return Ledger(SqliteLedger(file, keep), journals)
    if setting.startswith(_SERVERS):
        from aisopod.stores.ledger_redis import RedisLedger

        return Ledger(RedisLedger(setting, keep), journals, outage)
    raise _unknown(setting)


def _file(setting: str, folder: Path) -> Path:
    file = setting.removeprefix("sqlite").removeprefix(":")
    return Path(file).expanduser() if file else folder / "state.sqlite"


def _unknown(setting: str) -> ConfigurationError:
    return ConfigurationError(
        f"state: found {setting.partition('://')[0]!r}, allowed is sqlite, sqlite:FILE, memory, or "
        "the URL of a Redis server, as in redis://host:6379/0"
    )
