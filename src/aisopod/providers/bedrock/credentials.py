"""AWS credentials, found by botocore's chain and renewed before they expire."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from aisopod.errors import AisopodError, AuthenticationError, ConfigurationError
from aisopod.providers.bedrock.failures import (
    botocore_missing,
    no_credentials,
    no_profile,
    told,
)
from aisopod.providers.bedrock.quiet import quiet
from aisopod.providers.host import Credential
from aisopod.providers.renewal import Renewal
from aisopod.types import Secret

__all__ = ["AwsCredential", "ChainSource", "open_session"]

# As botocore itself: it begins to renew 15 minutes before the end.
_RENEW_SECONDS = 15 * 60
# Some endpoints give credentials that live shorter than that, or the same ones until shortly
# before their end: asking again with every request would bring nothing new.
_AGAIN_SECONDS = 60.0
_LAST_SECONDS = 2 * 60


class AwsCredential(Credential, frozen=True, kw_only=True):
    """Keys that sign a request; `secret` is the secret access key.

    Attributes:
        access_key_id: which keys these are.
        session_token: what temporary keys have besides.
        region: the region that the signature is for.
    """

    kind: Literal["api_key", "token", "aws"] = "aws"
    access_key_id: str
    session_token: Secret | None = None
    region: str

    @property
    def secrets(self) -> list[str]:
        """What must never be shown."""
        token = [self.session_token.reveal()] if self.session_token else []
        return [self.secret.reveal(), *token, self.access_key_id]

    # The access key id alone opens nothing, but it names an account.
    def __repr__(self) -> str:
        return f"AwsCredential(region={self.region!r})"


class _Found:
    """What a look-up brought: botocore's credentials, and a copy that does not change."""

    def __init__(
        self,
        keys: Any,  # noqa: ANN401 - botocore has no types
        profile: str | None,
        credential: AwsCredential,
    ) -> None:
        self.keys = keys
        self.profile = profile
        self.credential = credential
        self.looked_up = time.monotonic()
        self.refreshable = hasattr(keys, "refresh_needed")

    def good(self) -> bool:
        """Whether they can be used without asking anybody."""
        if not self.refreshable or not self.keys.refresh_needed(_RENEW_SECONDS):
            return True
        just_asked = time.monotonic() - self.looked_up < _AGAIN_SECONDS
        return just_asked and not self.keys.refresh_needed(_LAST_SECONDS)


class ChainSource:
    """AWS's usual ways to credentials, in botocore's order.

    Environment, assumed roles, web identity, SSO, shared files, `aws login`, credential_process,
    container and instance. All of it blocks, and so runs in a thread, one look-up for however
    many wait.

    Args:
        profile: the profile to use before what the environment holds; None for AWS_PROFILE's or
            the default one, after the environment's keys.
        region: the region to sign for, and whose STS to ask.
    """

    def __init__(self, profile: str | None, region: str) -> None:
        self._profile = profile
        self._region = region
        self._found: _Found | None = None
        self._renewal = Renewal(self._look_up)
        self._one_at_a_time = threading.Lock()

    def __repr__(self) -> str:
        return f"ChainSource(profile={self._profile!r}, region={self._region!r})"

    async def credential(self) -> AwsCredential:
        """Credentials that are good for the next minutes.

        Raises:
            MissingCredentialError: nothing was found; names the ways.
            ConfigurationError: the shared files or variables are wrong.
            MissingDependencyError: botocore is not installed.
            AuthenticationError: what was found is refused or expired; names the remedy.
            TransportError: who gives or renews them could not be reached.
        """
        found = self._found
        if found is not None and found.good():
            return found.credential
        return await self._renewal.credential()

    def refused(self, credential: Credential) -> bool:
        """Whether asking again may give others, as with all that expire by themselves."""
        found = self._found
        if found is None:
            return True
        if found.credential is not credential:
            return True
        if found.refreshable:
            self._found = None
        return found.refreshable

    def _look_up(self) -> AwsCredential:
        """Blocks: asks files, processes and services."""
        with self._one_at_a_time, quiet():
            found = self._found
            if found is None:
                found = _look_up(self._profile, self._region)
            elif not found.good():
                found = self._renewed(found)
            self._found = found
            return found.credential

    def _renewed(self, found: _Found) -> _Found:
        """The same keys, which renew themselves from where they were found."""
        try:
            return _taken(found.keys, found.profile, self._region)
        except (ConfigurationError, AuthenticationError):
            # Whoever sets it right may do so by another way: the next look-up tries them all.
            self._found = None
            raise


def _look_up(profile: str | None, region: str) -> _Found:
    session = open_session(profile, region)
    named = session.get_config_variable("profile")
    with _translated("", named):
        chain = session.get_component("credential_provider").providers
    for way in chain:
        with _translated(way.METHOD, named):
            keys = way.load()
            if keys is not None:
                if way.METHOD == "assume-role":
                    _refuse_code_devices(session, named)
                return _taken(keys, named, region)
    raise no_credentials(named)


def _taken(keys: Any, profile: str | None, region: str) -> _Found:  # noqa: ANN401 - untyped
    """The keys as they are now, renewed if that is due."""
    with _translated(keys.method, profile):
        now = keys.get_frozen_credentials()
        token = _sendable(now.token, keys.method) if now.token else None
        credential = AwsCredential(
            secret=Secret(now.secret_key.strip()),
            access_key_id=_sendable(now.access_key, keys.method),
            session_token=Secret(token) if token else None,
            region=region,
        )
        return _Found(keys, profile, credential)


@contextmanager
def _translated(method: str, profile: str | None) -> Iterator[None]:
    """Turn whatever botocore raises into an error of aisopod, without its cause."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    failure = None
    try:
        yield
    # What a process or an endpoint answered is read without checks: anything may be missing or
    # of another type.
    except (
        BotoCoreError, ClientError, ResponseParserError, OSError, ValueError, KeyError, TypeError,
        AttributeError, RuntimeError, ArithmeticError,
    ) as error:  # fmt: skip
        failure = told(error, method=method, profile=profile)
    if failure is not None:
        raise failure


def open_session(profile: str | None, region: str | None = None) -> Any:  # noqa: ANN401 - untyped
    """A session of botocore, for the settings of a profile.

    Args:
        profile: its name; None for AWS_PROFILE's or the default one.
        region: region in place of the profile's.

    Raises:
        ConfigurationError: there is no such profile, or the shared files cannot be parsed.
        MissingDependencyError: botocore is not installed.
    """
    try:
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ProfileNotFound
    except ImportError:
        raise botocore_missing() from None
    session = botocore.session.Session(profile=profile or None)
    try:
        if region:
            session.set_config_variable("region", region)
        # STS and SSO answer in well under a second; their callers wait for them.
        session.set_default_client_config(Config(connect_timeout=5, read_timeout=20))
        session.get_scoped_config()
    except ProfileNotFound as error:
        failure: AisopodError = no_profile(error.kwargs["profile"], session.available_profiles)
    except BotoCoreError as error:
        failure = told(error)
    else:
        return session
    raise failure


def _refuse_code_devices(session: Any, profile: str | None) -> None:  # noqa: ANN401 - untyped
    """Refuse a role that asks for a code: botocore would ask for it on the terminal."""
    profiles = session.full_config.get("profiles", {})
    seen: set[str] = set()
    name = profile or "default"
    while name in profiles and name not in seen:
        seen.add(name)
        if "mfa_serial" in profiles[name]:
            raise ConfigurationError(
                f"the AWS profile {name!r} needs a code of an MFA device, which nobody can type "
                "here: get credentials with `aws configure export-credentials --profile "
                f"{profile or 'default'} --format env` and set them in the environment"
            )
        name = profiles[name].get("source_profile", "")


def _sendable(text: str, method: str) -> str:
    """The text, if a header can carry it: a line break in it would end the header."""
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        raise ConfigurationError(
            f"the AWS credentials of {method} hold characters that none have, such as a line break"
        )
    return text
