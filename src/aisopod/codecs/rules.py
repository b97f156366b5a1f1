"""What tells one failure from another, as data: rules, and the evidence that they are held against.

Providers say the same thing in many ways, and change them. So which answer is a throttle and which
an empty account stands in tables, each line with its source, and users can add lines of their own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import msgspec

from aisopod.errors import (
    AuthenticationError,
    BadRequestError,
    BillingError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    Scope,
    ServerError,
)

__all__ = [
    "CLASSES",
    "ErrorWord",
    "Evidence",
    "Rule",
    "all_matches",
    "check_patterns",
    "error_of",
    "evidence_of",
    "first_match",
    "reclassified",
    "with_remedy",
]

ErrorWord = Literal[
    "authentication",
    "permission",
    "billing",
    "rate_limit",
    "overloaded",
    "server",
    "model_not_found",
    "bad_request",
    "context_length",
    "content_filter",
    "other",
]

CLASSES: dict[ErrorWord, type[ProviderError]] = {
    "authentication": AuthenticationError,
    "permission": PermissionDeniedError,
    "billing": BillingError,
    "rate_limit": RateLimitError,
    "overloaded": OverloadedError,
    "server": ServerError,
    "model_not_found": ModelNotFoundError,
    "bad_request": BadRequestError,
    "context_length": ContextLengthError,
    "content_filter": ContentFilterError,
    "other": ProviderError,
}

_Status = Annotated[int, msgspec.Meta(ge=100, le=599)] | Literal["4xx", "5xx", "none"]
_Statuses = Annotated[
    tuple[_Status, ...],
    msgspec.Meta(
        description="a list of statuses: numbers, '4xx', '5xx', or 'none' for an error inside a stream"
    ),
]
_Text = Annotated[str, msgspec.Meta(min_length=1, description="a text")]
_Texts = Annotated[tuple[_Text, ...], msgspec.Meta(description="a list of texts")]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e8, description="a number of seconds")]


class Rule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One way in which a provider says one thing. It matches when all that it names match.

    Attributes:
        id: its name, such as `openai/insufficient-quota`; errors carry it as `rule`.
        error: the class of error in a word, such as `rate_limit`.
        status: HTTP statuses, `4xx`, `5xx`, or `none` for an error that came without one, as
            inside a stream; empty for any.
        codes: the body's own codes, types and reasons, in any case; one of them is enough.
        header: patterns that the response's headers must hold, by name.
        text: pattern of the message; the last resort, where the wire has no code.
        scope: what the failure tells about, where that differs from the class's.
        delay: seconds to wait before another try, where the provider tells none.
        remedy: what to do; appended to the message.
        source: address of what shows that providers answer so.
    """

    id: _Text
    error: ErrorWord
    status: _Statuses = ()
    codes: _Texts = ()
    header: dict[str, str] = {}
    text: str = ""
    scope: Scope | None = None
    delay: _Seconds | None = None
    remedy: str = ""
    source: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says of a failure, whatever its shape.

    Attributes:
        status: HTTP status, or the body's own; None where there is none, as inside a stream.
        codes: all codes, types and reasons of the body, in lower case.
        headers: of the response, names in lower case.
        message: what went wrong, for a person.
        text: what texts are looked for in; the message where empty.
        code: the one code that the error shows.
        request_id: the provider's id of the exchange.
        retry_after: seconds to wait that the provider asked for.
        reset_after: seconds until a spent limit is full again; counts only for a throttle.
        body: the body as text.
        limit: the context window in tokens, where told.
        size: what was asked for in tokens, where told.
    """

    status: int | None = None
    codes: frozenset[str] = frozenset()
    headers: Mapping[str, str] = {}
    message: str = ""
    text: str = ""
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    reset_after: float | None = None
    body: str | None = None
    limit: int | None = None
    size: int | None = None


def first_match(rules: Iterable[Rule], evidence: Evidence) -> Rule | None:
    """The first rule that matches, or None."""
    return next(all_matches(rules, evidence), None)


def all_matches(rules: Iterable[Rule], evidence: Evidence) -> Iterator[Rule]:
    """Every rule that matches, in order."""
    return (rule for rule in rules if _matches(rule, evidence))


def _matches(rule: Rule, evidence: Evidence) -> bool:
    if rule.status and not any(_is_status(each, evidence.status) for each in rule.status):
        return False
    if rule.codes and not any(code.lower() in evidence.codes for code in rule.codes):
        return False
    for name, pattern in rule.header.items():
        value = evidence.headers.get(name.lower())
        if value is None or not _pattern(pattern).search(value):
            return False
    return not rule.text or bool(_pattern(rule.text).search(evidence.text or evidence.message))


def _is_status(wanted: int | str, status: int | None) -> bool:
    if status is None or isinstance(wanted, int):
        return wanted == ("none" if status is None else status)
    return wanted == f"{status // 100}xx"


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    # Compiled when first needed: most programs never see most failures.
    return re.compile(pattern, re.IGNORECASE)


def check_patterns(rules: Sequence[Rule]) -> Sequence[Rule]:
    """The rules themselves, if their patterns can be used.

    Raises:
        ConfigurationError: one is no regular expression; names the rule.
    """
    for rule in rules:
        for pattern in (rule.text, *rule.header.values()):
            try:
                _pattern(pattern)
            except re.error as error:
                raise ConfigurationError(
                    f"rule {rule.id!r}: {pattern!r} is no regular expression: {error}"
                ) from error
    return rules


def error_of(evidence: Evidence, rules: Sequence[Rule]) -> ProviderError:
    """The error that the first matching rule makes of the evidence."""
    rule = first_match(rules, evidence)
    class_ = CLASSES[rule.error] if rule else ProviderError
    wait = evidence.retry_after
    if wait is None and class_ in (RateLimitError, OverloadedError):
        wait = evidence.reset_after
    facts = {
        "status": evidence.status,
        "code": evidence.code,
        "request_id": evidence.request_id,
        "retry_after": wait,
        "body": evidence.body,
    }
    if class_ is ContextLengthError:
        facts |= {"limit": evidence.limit, "size": evidence.size}
    return _made(class_, rule, evidence.message, facts)


def reclassified(
    error: ProviderError, rules: Sequence[Rule], headers: Mapping[str, str] | None = None
) -> ProviderError:
    """The error as a user's own rules have it: another one with the same facts, or itself.

    Args:
        error: an error that an answer made; one that such a rule made already stays.
        rules: the user's, the first that matches wins.
        headers: of the response, names in lower case; None where they are not at hand.
    """
    if not rules or any(rule.id == error.rule for rule in rules):
        return error
    rule = first_match(rules, evidence_of(error, headers))
    if rule is None:
        return error
    names = ["provider", "model", "status", "code", "request_id", "retry_after", "body"]
    class_ = CLASSES[rule.error]
    if class_ is ContextLengthError:
        names += ["limit", "size"]
    facts = {name: getattr(error, name, None) for name in names}
    made = _made(class_, rule, error.message, facts)
    made.partial = error.partial
    made.__cause__ = error.__cause__
    return made


def evidence_of(error: ProviderError, headers: Mapping[str, str] | None = None) -> Evidence:
    """What an error still knows of its answer: texts are looked for in its message and body."""
    code = (error.code or "").lower()
    return Evidence(
        status=error.status,
        codes=frozenset({code, code.removesuffix("exception")}),
        headers=headers or {},
        message=error.message,
        text=f"{error.message}\n{error.body or ''}",
    )


def _made(
    class_: type[ProviderError], rule: Rule | None, message: str, facts: dict[str, Any]
) -> ProviderError:
    if rule is None:
        return class_(message, **facts)
    if facts["retry_after"] is None:
        facts["retry_after"] = rule.delay
    error = class_(with_remedy(message, rule.remedy), rule=rule.id, **facts)
    if rule.scope is not None:
        error.scope = rule.scope
    return error


def with_remedy(message: str, remedy: str) -> str:
    """A message, and after it what to do."""
    if not remedy:
        return message
    joint = " " if message.endswith((".", "!", "?")) else ": "
    return f"{message}{joint}{remedy}"
