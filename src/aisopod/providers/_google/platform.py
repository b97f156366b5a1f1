"""How the Gemini API and Vertex AI find credentials, project and location."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from aisopod.errors import ConfigurationError, MissingCredentialError, MissingSettingError
from aisopod.providers._google.places import checked
from aisopod.providers._google.sources import AdcSource, LoginSource
from aisopod.providers._google.store import LoginStore
from aisopod.providers.host import CredentialSource, Platform

__all__ = ["gemini_platform", "vertex_platform"]

_GEMINI = "https://generativelanguage.googleapis.com"
_PROJECTS = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
_LOCATIONS = ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION")
# https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
_MULTI_REGIONS = frozenset({"us", "eu"})
_CHOICES = ("adc", "login")


def _gemini_present(environ: Mapping[str, str], folder: Path) -> bool:  # noqa: ARG001
    return LoginStore(folder, "gemini").exists()


def _gemini_settle(options: Mapping[str, str]) -> Mapping[str, str]:
    return {"base_url": _GEMINI, **options}


def _gemini_open(options: Mapping[str, str], folder: Path) -> CredentialSource:
    """A stored login, or Application Default Credentials where they are asked for.

    Raises:
        MissingCredentialError: there is neither.
    """
    if _choice(options) == "adc" or options.get("credentials_file"):
        return AdcSource(options.get("credentials_file"))
    store = LoginStore(folder, "gemini")
    if store.exists():
        return LoginSource(store)
    raise MissingCredentialError(
        "Gemini needs a key: set GEMINI_API_KEY in the environment, providers.gemini.api_key_env "
        "(or api_key_file) in aisopod.toml, or call `aisopod auth login gemini`"
    )


gemini_platform = Platform(
    present=_gemini_present,
    settle=_gemini_settle,
    open=_gemini_open,
    choices=("credentials", "credentials_file"),
)


def _vertex_present(environ: Mapping[str, str], folder: Path) -> bool:  # noqa: ARG001
    # The files are gcloud's, and there for other things too: they count only where the extra is
    # installed. (`google` alone may be another library's.)
    if find_spec("google") is None or find_spec("google.auth") is None:
        return False
    file = _adc_file(environ)
    has_project = any(environ.get(name, "").strip() for name in _PROJECTS)
    return file is not None and (has_project or bool(_project_of(file)))


def _vertex_settle(options: Mapping[str, str]) -> Mapping[str, str]:
    """The options with project, location and the address that follows.

    Raises:
        MissingSettingError: there is no project.
        ConfigurationError: one of them cannot be a part of an address.
    """
    environ = os.environ
    file = options.get("credentials_file")
    adc = Path(file).expanduser() if file else _adc_file(environ)
    project = (
        options.get("project") or _first(environ, _PROJECTS) or (_project_of(adc) if adc else "")
    )
    if not project:
        raise MissingSettingError(
            "Vertex AI needs a project: set GOOGLE_CLOUD_PROJECT, or providers.vertex.options.project"
        )
    location = options.get("location") or _first(environ, _LOCATIONS) or "global"
    checked("project", project)
    checked("location", location)
    return {
        "base_url": _vertex_url(location), **options, "project": project, "location": location
    }  # fmt: skip


def _vertex_url(location: str) -> str:
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _vertex_open(options: Mapping[str, str], folder: Path) -> CredentialSource:
    """Application Default Credentials, or the stored login where that is asked for.

    Raises:
        MissingCredentialError: the login that is asked for is not there.
    """
    if _choice(options) != "login":
        return AdcSource(options.get("credentials_file"))
    store = LoginStore(folder, "gemini")
    if store.exists():
        return LoginSource(store)
    raise MissingCredentialError("there is no login: call `aisopod auth login gemini`")


vertex_platform = Platform(
    present=_vertex_present,
    settle=_vertex_settle,
    open=_vertex_open,
    choices=("credentials", "credentials_file"),
)


def _choice(options: Mapping[str, str]) -> str:
    found = options.get("credentials", "")
    if found and found not in _CHOICES:
        raise ConfigurationError(
            f'the option credentials is {found!r}: it can be "adc", for Application Default '
            'Credentials, or "login", for the login of `aisopod auth login gemini`'
        )
    return found


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def _adc_file(environ: Mapping[str, str]) -> Path | None:
    """https://cloud.google.com/docs/authentication/application-default-credentials#order."""
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    if named:
        return Path(named)
    if folder := environ.get("CLOUDSDK_CONFIG", "").strip():
        file = Path(folder)
    elif os.name == "nt":
        file = Path(environ.get("APPDATA", "")) / "gcloud"
    else:
        file = Path(os.path.expanduser("~/.config/gcloud"))  # noqa: PTH111 - it never raises
    file /= "application_default_credentials.json"
    return file if os.path.isfile(file) else None  # noqa: PTH113 - nor does this


def _project_of(file: Path) -> str:
    """The project that a file of credentials names."""
    try:
        told: Any = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""
    found = (
        (told.get("project_id") or told.get("quota_project_id")) if isinstance(told, dict) else ""
    )
    return found if isinstance(found, str) else ""
