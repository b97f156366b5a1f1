"""The credentials that a provider has, of configuration, environment and platform."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from hashlib import blake2b
from itertools import count, islice, takewhile
from pathlib import Path
from typing import Literal, NoReturn

import msgspec

from aisopod.config.load import credentials_file
from aisopod.config.resolve import (
    credential_for,
    has_credential,
    names_credential,
    secret_file,
    sendable,
    settings_for,
)
from aisopod.config.schema import Config, ProfileConfig, ProviderConfig
from aisopod.config.secrets import (
    command_words,
    file_stamp,
    in_keyring,
    in_variable,
    printed,
)
from aisopod.errors import ConfigurationError, MissingCredentialError
from aisopod.providers.host import Credential, Host
from aisopod.types import Secret

__all__ = [
    "DEFAULT",
    "Profile",
    "ProfileKind",
    "fingerprint",
    "has_profile",
    "profiles_for",
    "strangers_in_order",
]

DEFAULT = "default"
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
        stamp: something that changes when the secret may have changed, where that can be seen
            without reading it.
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
    """Whether there is a way into the host, or what was meant as one, without complaining."""
    environ = os.environ if environ is None else environ
    return (
        has_credential(host, config, environ)
        or names_credential(host, config, environ)
        or bool(_numbered(host, environ))
    )


def profiles_for(
    host: Host, config: Config, environ: Mapping[str, str] | None = None
) -> list[Profile]:
    """Every profile of a host that is enabled, in their order; at least one.

    The provider's own credential is the profile `default`; then the configured ones, then
    what the environment has beyond the first key: `…_API_KEY_2`, `…_API_KEYS`. Whether a profile
    can be used, its `load` tells: one that cannot takes nothing from the others.

    Raises:
        MissingCredentialError: the host needs a credential and there is none; names what to set.
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
    settings = settings_for(host, config)
    named = names_credential(host, config, environ)
    if not (alone or named or has_credential(host, config, environ)):
        return None
    kind: ProfileKind = "none"
    place = "none is needed"
    try:
        # Raises where nothing at all is set, with what to set.
        first = credential_for(host, config, environ)
    except ConfigurationError:
        if not named:
            raise
        kind, place = "api_key", _place_of_default(host, settings, environ)
    else:
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
    return (file_stamp(settings.api_key_file), [os.environ.get(name) for name in names if name])


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
                lambda: in_variable(environ, variable, id_),
                lambda: environ.get(variable),
            )
        case ProfileConfig(api_key_file=str(file)):
            path = Path(os.path.expanduser(file))  # noqa: PTH111 - it never raises
            return profile(file, lambda: secret_file(path, place), lambda: file_stamp(file))
        case ProfileConfig(api_key_command=str() | list() as command):
            try:
                words = command_words(command, place)
            except ConfigurationError as error:
                return _unusable(id_, "a command", settings, error)
            return profile("a command", lambda: printed(words, place), blocking=True)
        case ProfileConfig(keyring=True):
            return profile(
                "the keyring",
                lambda: in_keyring(id_),
                # `aisopod auth add --replace` writes this file, too.
                lambda: file_stamp(credentials_file(environ)),
                blocking=True,
            )
        case _:
            return _of_platform(host, id_, settings)


def _of_platform(host: Host, id_: str, settings: ProfileConfig) -> Profile:
    kind: ProfileKind = host.platform.kind if host.platform is not None else "none"
    wanted = settings.kind
    if wanted not in (None, kind) or (kind == "none" and host.key_required):
        where = f"providers.{host.id}.profiles.{id_.partition(':')[2]}"
        error = MissingCredentialError(
            f"{where} names no credential: set api_key_env, api_key_file, api_key_command or "
            f"keyring there ({host.name} has no {wanted or 'platform'} that would find one)"
        )
        return _unusable(id_, "nowhere", settings, error)
    return Profile(
        id=id_,
        kind=kind,
        place="the platform's own files and services" if kind != "none" else "none is needed",
        rank=0,
        settings=settings,
        load=lambda: None,
        stamp=lambda: None,
    )


def _unusable(id_: str, place: str, settings: ProfileConfig, error: ConfigurationError) -> Profile:
    """A profile that is set up wrongly: it is told of, and the others go on."""

    def load() -> NoReturn:
        raise type(error)(error.message)

    return Profile(
        id=id_,
        kind="token" if settings.kind == "token" else "api_key",
        place=place,
        rank=0,
        settings=settings,
        load=load,
        stamp=lambda: None,
    )


def _numbered(host: Host, environ: Mapping[str, str]) -> list[Profile]:
    """`OPENAI_API_KEY_1` and so on, and the list in `OPENAI_API_KEYS`."""
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
        for name, place, read in _beyond_the_first(variable, environ):
            yield Profile(
                id=f"{host.id}:{name}",
                kind=kind,
                place=place,
                rank=0,
                settings=ProfileConfig(),
                load=_loader(read, place, kind),
                stamp=read,
            )


def _beyond_the_first(
    variable: str, environ: Mapping[str, str]
) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Names, places, and what reads the keys that are there now."""

    def numbered(name: str) -> str:
        return environ.get(name, "").strip()

    def listed(number: int) -> str:
        keys = [key.strip() for key in environ.get(f"{variable}S", "").split(",")]
        return next(islice(filter(None, keys), number, None), "")

    slug = variable.lower().replace("_", "-")
    for number in range(1, MOST_NUMBERED):
        name = f"{variable}_{number}"
        if numbered(name):
            yield f"{slug}-{number}", name, partial(numbered, name)
    for number in takewhile(listed, count()):
        place = f"{variable}S (number {number + 1})"
        yield f"{slug}s-{number + 1}", place, partial(listed, number)


def _loader(
    read: Callable[[], str], place: str, kind: Literal["api_key", "token"]
) -> Callable[[], Credential | None]:
    def load() -> Credential:
        text = read()
        if not text:
            raise MissingCredentialError(f"the variable {place} is not set any more")
        return Credential(secret=sendable(text, place), kind=kind)

    return load


def _distinct(profiles: Sequence[Profile]) -> list[Profile]:
    """Without a second profile for a key that is in the environment under two names."""
    seen: set[str] = set()
    kept = []
    for profile in profiles:
        # Only the environment repeats keys by accident, and only its keys are at hand.
        if profile.settings == ProfileConfig() and profile.kind in ("api_key", "token"):
            try:
                mark = fingerprint(profile.load())
            except ConfigurationError:
                mark = profile.id
            if mark in seen:
                continue
            seen.add(mark)
        kept.append(profile)
    return kept


def _ordered(host: Host, settings: ProviderConfig, profiles: list[Profile]) -> list[Profile]:
    order = _order(host, settings)
    names = [profile.id.removeprefix(f"{host.id}:") for profile in profiles]
    ranked = [
        msgspec.structs.replace(
            profile,
            rank=order.index(name) if name in order else len(order) + _KIND_RANK[profile.kind],
        )
        for name, profile in zip(names, profiles, strict=True)
    ]
    return sorted(ranked, key=lambda profile: profile.rank)


def strangers_in_order(host: Host, config: Config, profiles: Collection[str]) -> list[str]:
    """Names in a host's `order` that no profile has now.

    They are passed over: a variable of another shell may hold the key.

    Args:
        host: the host.
        config: the configuration.
        profiles: ids of the profiles that there are.
    """
    settings = settings_for(host, config)
    return [
        name
        for name in _order(host, settings)
        if f"{host.id}:{name}" not in profiles and name not in settings.profiles
    ]


def _order(host: Host, settings: ProviderConfig) -> list[str]:
    return [name.removeprefix(f"{host.id}:") for name in settings.order]
