"""Calls of one host: its address, what signs them, and what becomes of refusals."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from aisopod.codecs.rules import Rule, check_patterns, reclassified
from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    BadRequestError,
    ConnectError,
    MissingCredentialError,
    ProviderError,
    TotalTimeoutError,
    TransportError,
)
from aisopod.providers.exchange import MAX_BODY_BYTES, PLAIN_TOTAL_SECONDS
from aisopod.providers.host import Credential, CredentialSource, Host, joined_headers
from aisopod.transport import Response, Transport
from aisopod.types import HttpRequest, Timeouts

__all__ = ["Caller"]


class Caller:
    """What every call of a host needs, whatever it is for.

    Attributes:
        id: the host's.
        host: who is called.
        base_url: where it answers.
        timeouts: limits for every call.
    """

    def __init__(
        self,
        host: Host,
        transport: Transport,
        *,
        credential: Credential | CredentialSource | None,
        base_url: str | None,
        headers: Mapping[str, str],
        options: Mapping[str, str],
        timeouts: Timeouts,
        rules: Sequence[Rule],
    ) -> None:
        self.id = host.id
        self.host = host
        self.base_url = (base_url or host.base_url).rstrip("/")
        self.timeouts = timeouts
        self._transport = transport
        self._credential = credential
        self._options = {**host.option_defaults, **options}
        self._rules = check_patterns(rules)
        self._headers: dict[str, str] = {
            "user-agent": "aisopod",
            "content-type": "application/json",
            **host.headers,
        }
        for name, header in host.option_headers.items():
            if self._options.get(name):
                self._headers[header] = self._options[name]
        own = {name.lower(): value for name, value in headers.items()}
        self._headers.update(own)
        # A header that someone configured may be a gateway's credential; short ones are words.
        self._secrets = [value for value in own.values() if len(value) >= 8]

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpRequest:
        for name, value in self._options.items():
            # What a platform settled as an address is one already.
            given = value if name.endswith("_url") else quote(value, safe="")
            path = path.replace(f"{{{name}}}", given)
        return HttpRequest(
            method=method,
            url=path if path.startswith("http") else self.base_url + path,
            headers=joined_headers(self._headers, headers or {}),
            body=body,
        )

    def _path(self, path: str, model: str) -> str:
        return path.replace("{model}", self.host.model_path(model))

    async def _sent(
        self, http: HttpRequest, credential: Credential | None, limits: Timeouts
    ) -> Response:
        if credential is not None:
            self._secrets += [each for each in credential.secrets if each not in self._secrets]
            http = self._signed(http, credential)
        return await self._transport.send(http, connect_timeout=limits.connect)

    def _signed(self, http: HttpRequest, credential: Credential) -> HttpRequest:
        headers = self.host.authorize(http, credential)
        return msgspec.structs.replace(
            http, headers=joined_headers(http.headers, credential.headers, headers)
        )

    async def _open(
        self, http: HttpRequest, limits: Timeouts, model: str | None = None
    ) -> Response:
        """Sign, send and wait for the headers; a refusal becomes its error.

        A credential that was refused is renewed once, where it can be.
        """
        if self._credential is None and self.host.key_required:
            names = " or ".join((*self.host.key_variables, *self.host.token_variables))
            raise MissingCredentialError(
                f"{self.host.name} needs a key: set {names}, or api_key in the configuration"
            )
        source = self._credential
        if source is None or isinstance(source, Credential):
            return await self._opened(http, source, limits, model)
        credential = await source.credential()
        try:
            return await self._opened(http, credential, limits, model)
        except AuthenticationError:
            if not source.refused(credential):
                raise
        return await self._opened(http, await source.credential(), limits, model)

    async def _opened(
        self, http: HttpRequest, credential: Credential | None, limits: Timeouts, model: str | None
    ) -> Response:
        try:
            response = await self._sent(http, credential, limits)
        except ConnectError as error:
            if self.host.connect_hint:
                error.message += f"; {self.host.connect_hint}"
            raise
        if response.status < 300:
            return response
        try:
            body = await response.read_all(MAX_BODY_BYTES)
            if response.status < 400:
                raise BadRequestError(
                    f"redirected to {response.headers.get('location', 'nowhere')}, which aisopod "
                    "does not follow with a credential: correct base_url",
                    status=response.status,
                )
            refusal = self.host.codec.decode_error(response.status, response.headers, body)
            raise self._named(refusal, model, response.headers)
        finally:
            response.close()

    async def _call(self, http: HttpRequest, model: str | None = None) -> bytes:
        """A small call: the whole body, within the connect and total limits."""
        limit = self.timeouts.total or PLAIN_TOTAL_SECONDS
        try:
            async with asyncio.timeout(limit):
                response = await self._open(http, self.timeouts, model)
                try:
                    body = await response.read_all(MAX_BODY_BYTES)
                    await response.finish()
                    return body
                finally:
                    response.close()
        except TimeoutError:
            late = TotalTimeoutError(f"no whole answer within {limit:g} s (total)")
            raise self._named(late, model) from None
        except AisopodError as error:
            raise self._named(error, model) from error.__cause__

    def _named(
        self, error: AisopodError, model: str | None, headers: Mapping[str, str] | None = None
    ) -> AisopodError:
        """What every error passes: the user's rules, then names, and no secret goes further."""
        if isinstance(error, ProviderError):
            error = reclassified(error, self._rules, headers)
        if isinstance(error, ProviderError | TransportError):
            error.provider = error.provider or self.id
            error.model = error.model or model
        for secret in self._secrets:
            error.redact(secret)
        return error
