"""Where the state of profiles and models is kept: in memory, in SQLite, in Redis or Valkey."""

from aisopod.stores.entries import Group, LedgerEntry
from aisopod.stores.ledger import Ledger
from aisopod.stores.opening import open_ledger, open_store
from aisopod.stores.shared import SharedState
from aisopod.stores.store import Snapshot, Store, StoreError

__all__ = [
    "Group",
    "Ledger",
    "LedgerEntry",
    "SharedState",
    "Snapshot",
    "Store",
    "StoreError",
    "open_ledger",
    "open_store",
]
