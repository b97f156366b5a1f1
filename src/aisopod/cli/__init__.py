"""The command line. Its parts come in the extra `cli`; without them it says how to get them."""

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]

_PARTS = frozenset({"click", "prompt_toolkit", "rich"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments; those of the process when None.

    Returns:
        The exit code, as `docs/cli.md` lists them.
    """
    if argv is None:
        # Nothing of what is loaded goes again: looking for it took a tenth of a short command.
        gc.set_threshold(50_000)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        # The question that scripts ask most needs none of the parts.
        from aisopod import __version__

        sys.stdout.write(f"aisopod {__version__}\n")
        return 0
    try:
        from aisopod.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _PARTS:
            raise
        sys.stderr.write(
            f"error: the command line needs {error.name}, which is not installed\n"
            "  remedy: pip install 'aisopod[cli]'\n"
        )
        return 3
    return run(arguments)
