"""The client: joins configuration, providers and transport. The composition root."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aisopod.client.models import Models
from aisopod.client.output import complete_fitting
from aisopod.client.profiles import Profiles
from aisopod.config import FailoverConfig
from aisopod.normalise.coerce import build_request
from aisopod.normalise.validate import check_tags, validate
from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Wishes
from aisopod.routing.overview import check_chain
from aisopod.routing.route import Route
from aisopod.routing.stream import Stream
from aisopod.types import (
    ChatCompletion,
    ChatCompletionRequest,
    Explanation,
    JsonSchema,
    Message,
    Preview,
    Timeouts,
    TokenCount,
)

__all__ = ["AsyncClient"]


class AsyncClient(Profiles, Models):
    """Chat with any provider, by `provider/model`.

    Args:
        config: a Config, or the path of a file that stands in for the usual ones; when None,
            the user's and the project's files and the environment are read.
        timeouts: limits for every request, in place of the configured ones.
        transport: what carries the bytes, in place of the one on aiohttp.
        on_attempt: called with each Attempt as it begins.
        on_failure: called with each Attempt that failed, and its error.
        on_switch: called with an Attempt and the next one, when that asks another profile or model.

    Raises:
        ConfigurationError: a file or variable is wrong; names the place and what is allowed.
    """

    def stream(  # noqa: PLR0913 - what a request may be asked with, by name
        self,
        /,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        models: Sequence[str] | None = None,
        session_id: str | None = None,
        profile: str | None = None,
        tags: Mapping[str, str] | None = None,
        failover: FailoverConfig | None = None,
        timeouts: Timeouts | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> Stream:
        """Ask for a streamed answer.

        Until the first content (text, thinking, a tool call) whoever fails is replaced: by the
        provider's next profile, then by the next candidate. After it nothing is repeated: a cut
        answer raises, with what had come as the error's `partial`.

        Args:
            model: `provider/model`, an alias, or a whole request whose `model` is that; when
                None, the configuration's default.
            prompt: the user's text, after `messages`.
            models: candidates in the order of preference, after `model` if that is given.
            session_id: the conversation, which keeps its profile as long as that can serve, so
                that the provider's prompt cache stays warm.
            profile: the only profile of its provider to use, such as `openai:work`.
            tags: names and values, texts both, by which the ledger can sum up, such as a user or
                a job.
            failover: bounds for this request: attempts, retries, waiting.
            messages: the conversation so far, as Messages or dicts of their fields.
            system: the system message.
            timeouts: limits for this request.
            base_url: where the provider answers, for this request.
            **fields: fields of ChatCompletionRequest. `tools` also takes typed functions,
                `response_format` a type, such as a msgspec Struct, dataclass or pydantic model, `reasoning` an
                effort or a number of tokens.

        Raises:
            InvalidRequestError: the request cannot be sent; nothing was.
            ConfigurationError: the provider cannot be used as it is configured.
        """
        chain, request = self._asked(
            model, prompt, models, stream=True, messages=messages, system=system, **fields
        )
        wishes = self._wishes(failover, timeouts, base_url, session_id, profile, tags)
        return self._started(chain, request, wishes, fields.get("response_format"))

    async def complete(  # noqa: PLR0913 - as `stream`
        self,
        /,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        models: Sequence[str] | None = None,
        session_id: str | None = None,
        profile: str | None = None,
        tags: Mapping[str, str] | None = None,
        failover: FailoverConfig | None = None,
        timeouts: Timeouts | None = None,
        base_url: str | None = None,
        output_retries: int = 0,
        **fields: Any,
    ) -> ChatCompletion:
        """Ask for a whole answer, by the wire's plain call. Takes what `stream` takes.

        With `output_retries`, the model is asked again so often, with what is wrong, when its
        answer does not fit `response_format`: the type, or the schema where the extra
        `jsonschema` is installed; else it must be valid JSON. Each request has its own time
        limits and its own row in the ledger; `usage`, `cost` and `attempts` are those of all.

        Raises:
            OutputValidationError: with `output_retries`, the last answer does not fit either;
                without, reading `parsed` raises it.
            AisopodError: any of the tree in `aisopod.errors`.
        """
        chain, request = self._asked(
            model, prompt, models, stream=False, messages=messages, system=system, **fields
        )
        wishes = self._wishes(failover, timeouts, base_url, session_id, profile, tags)
        wanted = fields.get("response_format")

        async def ask(request: ChatCompletionRequest) -> ChatCompletion:
            async with self._started(chain, request, wishes, wanted) as stream:
                return await stream.collect()

        return await complete_fitting(ask, request, output_retries)

    async def explain(
        self,
        model: str | ChatCompletionRequest | None = None,
        *,
        models: Sequence[str] | None = None,
        session_id: str | None = None,
        profile: str | None = None,
    ) -> Explanation:
        """Who would be asked now, who is passed over, why and until when; asks no provider.

        Raises:
            ConfigurationError: no candidate can be used as it is configured.
        """
        chain, request = self._asked(model, "?", models)
        wishes = self._wishes(None, None, None, session_id, profile)
        routing = self._routing()
        check_chain(routing.pool, chain, profile)
        return await Route(routing, chain, request, wishes).explain()

    async def count_tokens(
        self,
        /,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> TokenCount:
        """How many tokens the prompt has. Takes what `stream` takes.

        By the provider's own count where it has one (Anthropic, Gemini, Bedrock), else an estimate
        that says so.

        Raises:
            AisopodError: any of the tree in `aisopod.errors`.
        """
        [first, *_], request = self._asked(
            model, prompt, messages=messages, system=system, **fields
        )
        provider = self._own(self.provider(first.provider, base_url=base_url), "counts no tokens")
        return await provider.count_tokens(msgspec.structs.replace(request, model=first.model))

    def preview(
        self,
        /,
        request: ChatCompletionRequest | None = None,
        model: str | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> Preview:
        """What would be sent to a model: asks nobody, and needs no credential.

        A project or location that nobody has set stands in the path by its name: `{project}`.

        Args:
            request: a whole request; else the rest, as for `stream`, says what is asked.
            model: `provider/model` or an alias, in place of the request's own.
            prompt: the user's text, after `messages`.
            messages: the conversation so far.
            system: the system message.
            base_url: where the provider would be asked.
            **fields: the request's other fields.

        Raises:
            InvalidRequestError: the request cannot be sent there.
            UnknownModelError: no provider is named.
        """
        if request is not None and model is not None:
            request = msgspec.structs.replace(request, model=model)
        [first, *_], asked = self._asked(
            request or model, prompt, messages=messages, system=system, **fields
        )
        found = self._routing().pool.unsigned(first.provider, base_url)
        return self._own(found, "shows no requests").preview(asked)

    def _asked(
        self,
        model: str | ChatCompletionRequest | None,
        prompt: str | None,
        models: Sequence[str] | None = None,
        **fields: Any,
    ) -> tuple[tuple[Candidate, ...], ChatCompletionRequest]:
        """The candidates, and the request to the first of them."""
        whole = model if isinstance(model, ChatCompletionRequest) else None
        named = whole.model if whole is not None else model
        chain = self._chain((*((named,) if named else ()), *(models or ())))
        if whole is None:
            return chain, build_request(chain[0].model, prompt, **fields)
        stream = fields.get("stream", whole.stream)
        return chain, msgspec.structs.replace(whole, model=chain[0].model, stream=stream)

    def _wishes(
        self,
        failover: FailoverConfig | None,
        timeouts: Timeouts | None,
        base_url: str | None,
        session: str | None,
        profile: str | None,
        tags: Mapping[str, str] | None = None,
    ) -> Wishes:
        check_tags(tags)
        return Wishes(
            failover or self.config.failover,
            timeouts=timeouts,
            base_url=base_url,
            session=session,
            profile=profile,
            tags=tags,
            check=self.config.catalogue.check,
        )

    def _started(
        self,
        chain: tuple[Candidate, ...],
        request: ChatCompletionRequest,
        wishes: Wishes,
        response_format: object,
    ) -> Stream:
        routing = self._routing()
        request = validate(request)
        check_chain(routing.pool, chain, wishes.profile)
        route = Route(routing, chain, request, wishes)
        if response_format is not None and isinstance(response_format, str | Mapping | JsonSchema):
            response_format = None  # it is described, and there is no type to convert to
        return Stream(route, response_format)
