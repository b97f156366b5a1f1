"""Holds an answer to what was asked for: checked when it is here, and asked for again."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from aisopod.errors import AisopodError, InvalidRequestError, OutputValidationError
from aisopod.normalise.again import asked_again
from aisopod.types import ChatCompletion, ChatCompletionRequest, JsonSchema, ResponseWarning

__all__ = ["complete_fitting"]

Ask = Callable[[ChatCompletionRequest], Awaitable[ChatCompletion]]
Check = Callable[[Any], str | None]


async def complete_fitting(
    ask: Ask, request: ChatCompletionRequest, retries: int
) -> ChatCompletion:
    """The answer, asked for again while it does not fit.

    Args:
        ask: gives the answer to a request.
        request: what is asked.
        retries: how often it may be asked for again; with 0 nothing is checked.

    Raises:
        InvalidRequestError: `retries` is negative, or the schema is none.
        OutputValidationError: the last answer does not fit either; `text` is that answer, and
            `attempts` say what all of them used.
        AisopodError: what asking raises, with the attempts of all requests.
    """
    if retries < 0:
        raise InvalidRequestError(
            "must be at least 0", field="output_retries", value=retries, remedy="Leave it out"
        )
    check = _schema_check(request.response_format) if retries else _unchecked
    answer = await ask(request)
    for left in range(retries, -1, -1):
        error = _misfit(answer, check) if retries and _is_final(request, answer) else None
        if error is None:
            return answer
        if not left:
            error.attempts = tuple(answer.attempts)
            raise error
        request = asked_again(request, answer, error.message)
        try:
            following = await ask(request)
        except AisopodError as failure:
            failure.attempts = (*answer.attempts, *failure.attempts)
            raise
        answer = _joined(answer, following, error.message)
    return answer


def _is_final(request: ChatCompletionRequest, answer: ChatCompletion) -> bool:
    """Whether it is an answer to be read: no calls, no refusal, nothing that was cut."""
    wanted = request.response_format not in (None, "text")
    return wanted and answer.finish_reason == "stop" and not answer.tool_calls


def _misfit(answer: ChatCompletion, check: Check) -> OutputValidationError | None:
    try:
        value = answer.parsed
    except OutputValidationError as error:
        return error
    problem = check(value) if answer.response_type is None else None
    return None if problem is None else OutputValidationError(problem, text=answer.text)


def _joined(first: ChatCompletion, then: ChatCompletion, problem: str) -> ChatCompletion:
    """The later answer, with what both cost."""
    told = ResponseWarning(
        rule="output_retried",
        message=f"the answer was asked for again: {problem}",
        field="response_format",
    )
    usage = then.usage or first.usage
    if first.usage is not None and then.usage is not None:
        usage = first.usage + then.usage
    elif usage is not None:
        usage = usage.unfinished()  # one of them told none
    known = first.cost is not None and then.cost is not None
    return msgspec.structs.replace(
        then,
        usage=usage,
        cost=first.cost + then.cost if known else None,  # type: ignore[operator]
        attempts=[*first.attempts, *then.attempts],
        warnings=[*(w for w in first.warnings if w.rule == told.rule), told, *then.warnings],
    )


def _unchecked(_value: Any) -> str | None:  # noqa: ANN401 - any JSON
    return None


def _schema_check(wish: object) -> Check:
    """What says why a value does not fit a schema; without `jsonschema` everything fits.

    Raises:
        InvalidRequestError: the schema is none.
    """
    if not isinstance(wish, JsonSchema):
        return _unchecked
    try:
        import jsonschema
        from referencing import Registry
        from referencing.exceptions import Unresolvable
    except ImportError:
        return _unchecked
    kind = jsonschema.validators.validator_for(wish.schema, jsonschema.Draft202012Validator)

    def broken(error: Exception) -> InvalidRequestError:
        return InvalidRequestError(
            f"this is no JSON schema: {error}", field="response_format.schema", value=wish.schema
        )

    try:
        kind.check_schema(wish.schema)
    except jsonschema.SchemaError as error:
        raise broken(error) from None
    # An empty registry: what a schema refers to elsewhere is not fetched.
    validator = kind(wish.schema, registry=Registry())

    def check(value: Any) -> str | None:  # noqa: ANN401 - any JSON
        try:
            error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        except Unresolvable as unknown:
            raise broken(unknown) from None
        return error and f"the answer does not fit its schema at {error.json_path}: {error.message}"

    return check
