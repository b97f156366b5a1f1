"""`python -m aisopod.cli` is `aisopod`."""

import sys

from aisopod.cli import main

sys.exit(main())
