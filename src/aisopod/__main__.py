"""`python -m aisopod` is the command line."""

from aisopod.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
