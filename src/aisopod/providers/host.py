"""A host: who serves a dialect, where, and with which credential. A value, no behaviour."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from urllib.parse import quote

import msgspec

from aisopod.types import HttpRequest, ModelInfo, PullProgress, Secret
from aisopod.types.json_text import UNREADABLE

if TYPE_CHECKING:
    from aisopod.codecs.codec import Codec

__all__ = [
    "UNREADABLE",
    "Credential",
    "CredentialSource",
    "Host",
    "Listing",
    "Page",
    "Platform",
    "Pulling",
    "TokenCounting",
    "bearer",
    "joined_headers",
]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is signed with.

    Attributes:
        secret: the key or token.
        kind: an API key, a bearer token, or a platform's own keys.
        headers: headers that go with it, such as the project that pays.
    """

    secret: Secret
    kind: Literal["api_key", "token", "aws"] = "api_key"
    headers: Mapping[str, str] = {}

    @property
    def secrets(self) -> list[str]:
        """What must never be shown."""
        return [self.secret.reveal()]


class CredentialSource(Protocol):
    """Finds credentials that expire, and renews them in time."""

    async def credential(self) -> Credential:
        """One that is good for the next minutes. However many wait, one looks it up.

        Raises:
            MissingCredentialError: there is none; the message names what to set or call.
            AuthenticationError: there was one, and it cannot be renewed; names the remedy.
            TransportError: who renews it could not be reached.
        """

    def refused(self, credential: Credential) -> bool:
        """The provider refused this one: whether asking again may give a better one."""


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A cloud that finds credentials and addresses by rules of its own.

    Attributes:
        present: the environment's variables to whether they or the usual files offer a way in;
            asks no network.
        settle: the host's options to the same with what the platform's own settings tell, such
            as `region` or `project`, and with the addresses `base_url` and, where it differs,
            `listing_url` that follow from them. Given options win. Raises MissingSettingError with
            the remedy for what is missing.
        open: settled options, and the folder where logins are kept, to the source of credentials.
        choices: options that ask for this source even where a variable holds a key.
        kind: what its credentials are: a login's tokens, or AWS keys.
    """

    present: Callable[[Mapping[str, str], Path], bool]
    settle: Callable[[Mapping[str, str]], Mapping[str, str]]
    open: Callable[[Mapping[str, str], Path], CredentialSource]
    choices: tuple[str, ...] = ()
    kind: Literal["oauth", "aws"] = "oauth"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a model listing.

    Attributes:
        models: what it lists.
        cursor: what asks for the next page; None on the last.
    """

    models: list[ModelInfo]
    cursor: str | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """How models are listed.

    Attributes:
        path: path and query of the first page.
        parse: a page's body and the provider's id to a Page.
        cursor_query: name of the query parameter that takes the cursor.
        also: a second listing, where one tells only half.
        join: the models of both to the models that there are.
        detail_path: path of the call that describes one model; empty where there is none.
        encode_detail: a model's name to that call's body.
        parse_detail: its answer, the model's name and the provider's id to a ModelInfo.
    """

    path: str
    parse: Callable[[bytes, str], Page]
    cursor_query: str = ""
    also: "Listing | None" = None
    join: Callable[[list[ModelInfo], list[ModelInfo]], list[ModelInfo]] | None = None
    detail_path: str = ""
    encode_detail: Callable[[str], bytes] | None = None
    parse_detail: Callable[[bytes, str, str], ModelInfo] | None = None


class TokenCounting(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider counts a request's tokens.

    Attributes:
        path: path of the call; `{model}` is put in.
        model: the model's name to the one that is counted for.
        encode: makes its body of a chat body and the model's name.
        parse: reads the number of input tokens from the answer.
    """

    path: str
    encode: Callable[[bytes, str], bytes]
    parse: Callable[[bytes], int]
    model: Callable[[str], str] = str


class Pulling(msgspec.Struct, frozen=True, kw_only=True):
    """How the host's machine downloads a model.

    Attributes:
        path: path of the call.
        encode: a model's name to the call's body.
        decode: a frame of the answer to a step of the download.
    """

    path: str
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], PullProgress]


def joined_headers(*sources: Mapping[str, str]) -> dict[str, str]:
    """Headers of several sources; the later wins, but beta flags of all are kept.

    https://docs.anthropic.com/en/api/beta-headers: several betas are one comma-separated list.
    """
    headers: dict[str, str] = {}
    for source in sources:
        for name, value in source.items():
            if name == "anthropic-beta" and name in headers:
                flags = (*headers[name].split(","), *value.split(","))
                headers[name] = ",".join(dict.fromkeys(flag.strip() for flag in flags))
            else:
                headers[name] = value
    return headers


def bearer(request: HttpRequest, credential: Credential) -> Mapping[str, str]:  # noqa: ARG001
    """`Authorization: Bearer …`, the scheme of most hosts."""
    return {"authorization": f"Bearer {credential.secret.reveal()}"}


def quoted(model: str) -> str:
    """A model's name as most hosts have it in a path."""
    return quote(model, safe=":")


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, described by data.

    Attributes:
        id: the name before the slash in `provider/model`.
        name: its name for people.
        sibling: id of the host with which it shares account and settings; it is looked at by
            itself only where the configuration names it.
        dialect: what it speaks: a folder of `aisopod.codecs`, or a module that has a `codec`.
        base_url: where it answers; empty where every user has an address of their own.
        chat_path: path of the chat call; `{model}` and the host's options are put in.
        stream_path: the same for a streamed answer, where it differs.
        model_path: a model's name as the path has it.
        listing: how models are listed; None where they cannot be.
        token_counting: how tokens are counted; None where they cannot be.
        text_counter: loads what counts a text's tokens for a model, for an estimate; it blocks,
            and gives None where it is not to be had.
        pulling: how models are downloaded; None where they are not.
        key_variables: environment variables that hold the key, the first set one wins.
        token_variables: the same for a bearer token.
        base_url_variables: the same for the base URL.
        key_required: whether it answers without a credential.
        platform: who finds credentials and addresses, where they are not just configured.
        authorize: request and credential to the headers that carry it.
        headers: headers that every request has; names in lower case.
        options: names of further options.
        option_headers: options that become headers, by the option's name.
        option_variables: environment variables for options, by the option's name.
        option_defaults: options with a default, such as an API version.
        parse_base_url: makes a usable URL of what users write in the variable.
        connect_hint: what to do when nothing answers.
        request_id_headers: response headers that carry the id of the exchange.
        health_path: a cheap call that needs the credential; the listing where empty.
        quirks: how it differs from the rest of its dialect.
    """

    id: str
    name: str
    sibling: str = ""
    dialect: str
    base_url: str = ""
    chat_path: str
    stream_path: str = ""
    model_path: Callable[[str], str] = quoted
    platform: Platform | None = None
    listing: Listing | None = None
    token_counting: TokenCounting | None = None
    text_counter: Callable[[str], Callable[[str], int] | None] | None = None
    pulling: Pulling | None = None
    key_variables: tuple[str, ...] = ()
    token_variables: tuple[str, ...] = ()
    base_url_variables: tuple[str, ...] = ()
    key_required: bool = True
    authorize: Callable[[HttpRequest, Credential], Mapping[str, str]] = bearer
    headers: Mapping[str, str] = {}
    options: tuple[str, ...] = ()
    option_headers: Mapping[str, str] = {}
    option_variables: Mapping[str, str] = {}
    option_defaults: Mapping[str, str] = {}
    parse_base_url: Callable[[str], str] | None = None
    connect_hint: str = ""
    request_id_headers: tuple[str, ...] = ("x-request-id",)
    health_path: str = ""
    quirks: Any = None

    @property
    def codec(self) -> "Codec":
        """The dialect's codec; loaded when it is first wanted, since few hosts of many are."""
        return _loaded(self.dialect)


@cache
def _loaded(dialect: str) -> "Codec":
    module = import_module(dialect if "." in dialect else f"aisopod.codecs.{dialect}.codec")
    return cast("Codec", module.codec)
