"""Claims one recovery, as a process of its own: `claimer.py SETTING KEY OWNER AT START`.

Prints whether it got it. All begin at START, so that they meet.
"""

import sys
import time
from pathlib import Path

from aisopod.policy.health import Claimed
from aisopod.stores import open_store


def main() -> None:
    setting, key, owner, at, start = sys.argv[1:]
    store = open_store(setting, Path("/nonexistent"))
    store.read([key])
    time.sleep(max(float(start) - time.time(), 0))
    changed = store.apply({key: [Claimed(at=float(at), owner=owner, lease=60)]})
    sys.stdout.write("won" if changed[key].probe_owner == owner else "lost")
    store.close()


if __name__ == "__main__":
    main()
