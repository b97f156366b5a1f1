"""Where the state of profiles and models is kept: in memory, in SQLite, in Redis or Valkey."""

from aisopod.stores.opening import open_store
from aisopod.stores.shared import SharedState
from aisopod.stores.store import Snapshot, Store, StoreError

__all__ = ["SharedState", "Snapshot", "Store", "StoreError", "open_store"]
