"""The credentials that a provider has, of configuration, environment and platform."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from aisopod.config.resolve import (
    credential_for,
    has_credential,
    secret_file,
    sendable,
    settings_for,
)
from aisopod.config.schema import Config, ProfileConfig, ProviderConfig
from aisopod.errors import ConfigurationError, MissingCredentialError, MissingDependencyError
from aisopod.providers.host import Credential, Host
from aisopod.types import Secret

__all__ = [
    "DEFAULT",
    "KEYRING_SERVICE",
    "Profile",
    "ProfileKind",
    "fingerprint",
    "has_profile",
    "profiles_for",
]

DEFAULT = "default"
KEYRING_SERVICE = "aisopod"
COMMAND_SECONDS = 30.0
"""A password manager may ask its user, but not for ever."""
MOST_NUMBERED = 100

ProfileKind = Literal["api_key", "token", "oauth", "aws", "none"]

# Without an order of their own: what a login pays for first, keys that cost money last.
_KIND_RANK: dict[ProfileKind, int] = {"oauth": 0, "token": 1, "aws": 2, "api_key": 2, "none": 2}


class Profile(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One credential of one provider. Where the secret is, is known here; the secret is not.

    Attributes:
        id: `provider:name`.
        kind: what it is; `none` for a provider that needs no credential.
        place: where its secret is, for people.
        rank: its turn among the provider's profiles; equal ranks take turns.
        settings: limits and options.
        load: fetches the credential; None where the platform finds it, or none is needed. Raises
            ConfigurationError with what to do.
        stamp: something that changes when the secret may have changed.
        blocking: whether `load` may take its time, as a password manager does.
    """

    id: str
    kind: ProfileKind
    place: str
    rank: int
    settings: ProfileConfig
    load: Callable[[], Credential | None]
    stamp: Callable[[], object]
    blocking: bool = False

    def serves(self, model: str) -> bool:
        """Whether it may be used for a model."""
        patterns = self.settings.models
        return not patterns or any(fnmatchcase(model, pattern) for pattern in patterns)


def fingerprint(credential: Credential | None) -> str:
    """What tells a secret from another, and tells nothing of it; empty for what expires."""
    if credential is None:
        return ""
    secret = credential.secret.reveal().encode()
    return blake2b(secret, digest_size=4, person=b"aisopod").hexdigest()


def has_profile(host: Host, config: Config, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is a way into the host, without complaining."""
    environ = os.environ if environ is None else environ
    return has_credential(host, config, environ) or bool(_numbered(host, environ))


def profiles_for(
    host: Host, config: Config, environ: Mapping[str, str] | None = None
) -> list[Profile]:
    """Every profile of a host that is enabled, in their order; at least one.

    The provider's own credential is the profile `default`; then the configured ones, then
    what the environment has beyond the first key: `…_API_KEY_2`, `…_API_KEYS`.

    Raises:
        MissingCredentialError: the host needs a credential and there is none; names what to set.
        ConfigurationError: `order` names a profile that there is not.
    """
    environ = os.environ if environ is None else environ
    settings = settings_for(host, config)
    found = [
        _configured(host, name, profile, environ) for name, profile in settings.profiles.items()
    ]
    taken = {profile.id for profile in found}
    extra = _numbered(host, environ) if _takes_environment(host, settings) else []
    default = _default(host, config, environ, alone=not (found or extra))
    if default is not None and default.id not in taken:
        found.insert(0, default)
    found += [profile for profile in extra if profile.id not in taken]
    enabled = [profile for profile in found if profile.settings.enabled]
    if not enabled:
        raise MissingCredentialError(
            f"every profile of {host.name} is disabled: set enabled = true for one of "
            + ", ".join(profile.id for profile in found)
        )
    return _ordered(host, settings, _distinct(enabled))


def _takes_environment(host: Host, settings: ProviderConfig) -> bool:
    """Whether the environment's keys count beside what the configuration asks for."""
    return host.platform is None or not any(settings.options.get(c) for c in host.platform.choices)


def _default(
    host: Host, config: Config, environ: Mapping[str, str], *, alone: bool
) -> Profile | None:
    """The provider's one credential; None where others are there and it is not."""
    if not alone and not has_credential(host, config, environ):
        return None
    settings = settings_for(host, config)
    # Raises here where nothing at all is set, with what to set.
    first = credential_for(host, config, environ)
    kind: ProfileKind = "none"
    place = "none is needed"
    if first is not None:
        kind, place = first.kind, _place_of_default(host, settings, environ)
    elif host.platform is not None:
        kind, place = host.platform.kind, "the platform's own files and services"
    elif not alone:
        return None
    return Profile(
        id=f"{host.id}:{DEFAULT}",
        kind=kind,
        place=place,
        rank=0,
        settings=ProfileConfig(),
        load=lambda: credential_for(host, config),
        stamp=lambda: _default_stamp(host, settings),
    )


def _place_of_default(host: Host, settings: ProviderConfig, environ: Mapping[str, str]) -> str:
    if settings.api_key or settings.token:
        return "the configuration"
    if settings.api_key_env:
        return settings.api_key_env
    if settings.api_key_file:
        return settings.api_key_file
    names = (*host.key_variables, *host.token_variables)
    return next((name for name in names if environ.get(name, "").strip()), "the environment")


def _default_stamp(host: Host, settings: ProviderConfig) -> object:
    names = (*host.key_variables, *host.token_variables, settings.api_key_env or "")
    return (_mtime(settings.api_key_file), [os.environ.get(name) for name in names if name])


def _configured(
    host: Host, name: str, settings: ProfileConfig, environ: Mapping[str, str]
) -> Profile:
    id_ = f"{host.id}:{name}"
    place = f"providers.{host.id}.profiles.{name}"
    kind: Literal["api_key", "token"] = "token" if settings.kind == "token" else "api_key"

    def profile(
        where: str,
        secret: Callable[[], Secret],
        stamp: Callable[[], object] = lambda: None,
        kind: Literal["api_key", "token"] = kind,
        *,
        blocking: bool = False,
    ) -> Profile:
        return Profile(
            id=id_,
            blocking=blocking,
            kind=kind,
            place=where,
            rank=0,
            settings=settings,
            load=lambda: Credential(secret=secret(), kind=kind),
            stamp=stamp,
        )

    match settings:
        case ProfileConfig(api_key=Secret() as key):
            return profile("the configuration", lambda: sendable(key.reveal(), place))
        case ProfileConfig(token=Secret() as token):
            return profile(
                "the configuration", lambda: sendable(token.reveal(), place), kind="token"
            )
        case ProfileConfig(api_key_env=str(variable)):
            return profile(
                variable,
                lambda: _variable(environ, variable, id_),
                lambda: environ.get(variable),
            )
        case ProfileConfig(api_key_file=str(file)):
            path = Path(os.path.expanduser(file))  # noqa: PTH111 - it never raises
            return profile(file, lambda: secret_file(path, place), lambda: _mtime(file))
        case ProfileConfig(api_key_command=str() | list() as command):
            return profile("a command", lambda: _printed(command, place), blocking=True)
        case ProfileConfig(keyring=True):
            return profile("the keyring", lambda: _in_keyring(id_), blocking=True)
        case _:
            return _of_platform(host, id_, settings)


def _of_platform(host: Host, id_: str, settings: ProfileConfig) -> Profile:
    kind: ProfileKind = host.platform.kind if host.platform is not None else "none"
    wanted = settings.kind
    if wanted not in (None, kind) or (kind == "none" and host.key_required):
        where = f"providers.{host.id}.profiles.{id_.partition(':')[2]}"
        raise MissingCredentialError(
            f"{where} names no credential: set api_key_env, api_key_file, api_key_command or "
            f"keyring there ({host.name} has no {wanted or 'platform'} that would find one)"
        )
    return Profile(
        id=id_,
        kind=kind,
        place="the platform's own files and services" if kind != "none" else "none is needed",
        rank=0,
        settings=settings,
        load=lambda: None,
        stamp=lambda: None,
    )


def _numbered(host: Host, environ: Mapping[str, str]) -> list[Profile]:
    """`OPENAI_API_KEY_2` and so on, and the list in `OPENAI_API_KEYS`."""
    return [
        *_numbered_as("api_key", host, host.key_variables, environ),
        *_numbered_as("token", host, host.token_variables, environ),
    ]


def _numbered_as(
    kind: Literal["api_key", "token"],
    host: Host,
    variables: Sequence[str],
    environ: Mapping[str, str],
) -> Iterator[Profile]:
    for variable in variables:
        for name, place, value in _beyond_the_first(variable, environ):
            yield Profile(
                id=f"{host.id}:{name}",
                kind=kind,
                place=place,
                rank=0,
                settings=ProfileConfig(),
                load=_loader(value, place, kind),
                stamp=lambda: None,
            )


def _beyond_the_first(variable: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    slug = variable.lower().replace("_", "-")
    for number in range(2, MOST_NUMBERED):
        name = f"{variable}_{number}"
        if value := environ.get(name, "").strip():
            yield f"{slug}-{number}", name, value
    listed = [key.strip() for key in environ.get(f"{variable}S", "").split(",")]
    for number, value in enumerate((key for key in listed if key), 1):
        yield f"{slug}s-{number}", f"{variable}S (number {number})", value


def _loader(
    value: str, place: str, kind: Literal["api_key", "token"]
) -> Callable[[], Credential | None]:
    return lambda: Credential(secret=sendable(value, place), kind=kind)


def _distinct(profiles: Sequence[Profile]) -> list[Profile]:
    """Without a second profile for a key that is in the environment under two names."""
    seen: set[str] = set()
    kept = []
    for profile in profiles:
        # Only the environment repeats keys by accident, and only its keys are at hand.
        if profile.settings == ProfileConfig() and profile.kind in ("api_key", "token"):
            mark = fingerprint(profile.load())
            if mark in seen:
                continue
            seen.add(mark)
        kept.append(profile)
    return kept


def _ordered(host: Host, settings: ProviderConfig, profiles: list[Profile]) -> list[Profile]:
    order = [name.removeprefix(f"{host.id}:") for name in settings.order]
    names = [profile.id.removeprefix(f"{host.id}:") for profile in profiles]
    known = {*names, *settings.profiles}
    for name in order:
        if name not in known:
            raise ConfigurationError(
                f"providers.{host.id}.order: there is no profile {name!r}; there are "
                + ", ".join(sorted(known))
            )
    ranked = [
        msgspec.structs.replace(
            profile,
            rank=order.index(name) if name in order else len(order) + _KIND_RANK[profile.kind],
        )
        for name, profile in zip(names, profiles, strict=True)
    ]
    return sorted(ranked, key=lambda profile: profile.rank)


# --- where secrets are ---------------------------------------------------------------------------


def _variable(environ: Mapping[str, str], variable: str, id_: str) -> Secret:
    value = environ.get(variable, "").strip()
    if not value:
        raise MissingCredentialError(f"{id_}: the variable {variable} is not set")
    return sendable(value, variable)


def _printed(command: str | list[str], place: str) -> Secret:
    """What a command prints, such as a password manager's."""
    import shlex
    import subprocess

    words = shlex.split(command) if isinstance(command, str) else command
    try:
        done = subprocess.run(  # noqa: S603 - it is the user's own, from the user's own file
            words,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        # Without its cause, which may hold what was printed.
        raise ConfigurationError(
            f"{place}.api_key_command did not end within {COMMAND_SECONDS:g} s"
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{place}.api_key_command: {words[:1]}: {reason}") from error
    if done.returncode != 0:
        raise ConfigurationError(
            f"{place}.api_key_command ended with {done.returncode}: run it by hand to see why"
        )
    text = done.stdout.decode("utf-8", "replace").strip()
    if not text:
        raise MissingCredentialError(f"{place}.api_key_command printed nothing")
    return sendable(text, f"{place}.api_key_command")


def _in_keyring(id_: str) -> Secret:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise MissingDependencyError(
            'keys in the system\'s keyring need its client: pip install "aisopod[keyring]"'
        ) from error
    try:
        text = keyring.get_password(KEYRING_SERVICE, id_)
    except KeyringError as error:
        raise ConfigurationError(
            f"{id_}: the keyring cannot be read ({type(error).__name__}): unlock it"
        ) from None
    if not text:
        raise MissingCredentialError(
            f"{id_}: the keyring holds no key for it: `aisopod auth add {id_} --keyring`"
        )
    return sendable(text, f"{id_} in the keyring")


def _mtime(file: str | None) -> int | None:
    if not file:
        return None
    try:
        return Path(os.path.expanduser(file)).stat().st_mtime_ns  # noqa: PTH111
    except OSError:
        return None
