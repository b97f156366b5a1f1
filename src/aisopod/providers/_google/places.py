"""What a project and a location of Google Cloud may be called: they go into addresses and headers."""

import re
from typing import Literal

from aisopod.errors import ConfigurationError

__all__ = ["checked"]

_FORMS = {
    # https://cloud.google.com/resource-manager/docs/creating-managing-projects; older ones have
    # their domain before them, as in `example.com:project`.
    "project": re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}"),
    "location": re.compile(r"[a-z0-9]+(-[a-z0-9]+)*"),
}


def checked(kind: Literal["project", "location"], name: str) -> str:
    """The name, if it can be one.

    Raises:
        ConfigurationError: it cannot.
    """
    if not _FORMS[kind].fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no {kind} of Google Cloud: write it as in "
            + ("my-project-123" if kind == "project" else "us-central1")
        )
    return name
