"""Failures as exit codes, and as one readable block."""

import re

import click

import aisopod
from aisopod.cli.text import visible

__all__ = ["exit_code", "is_partial", "remedy_for", "told"]

# The most specific class first.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (click.UsageError, 2),
    (click.ClickException, 2),
    (aisopod.InvalidRequestError, 2),
    (aisopod.ConfigurationError, 3),
    (aisopod.AisopodError, 1),
)

# What a user of the command line can do, where the error does not say it already.
_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (aisopod.UnknownModelError, "name it with --model PROVIDER/MODEL; `aisopod models` lists some"),
    (aisopod.AuthenticationError, "look at the key: `aisopod config check` says which one counts"),
    (aisopod.PermissionDeniedError, "ask for access to it, or use another model"),
    (aisopod.BillingError, "look at the account's credit and spending limit"),
    (aisopod.ModelNotFoundError, "`aisopod models PROVIDER` lists what there is"),
    (aisopod.ContextLengthError, "shorten the prompt, or use a model with a larger window"),
    (aisopod.ContentFilterError, "change the prompt"),
    (
        aisopod.OutputValidationError,
        "ask again, as --output-retries does, or use a model that holds to JSON schemas",
    ),
    (aisopod.ConnectTimeoutError, "look at the network, the proxy and the base URL"),
    (aisopod.ConnectError, "look at the network, the proxy and the base URL"),
    (aisopod.TotalTimeoutError, "raise --timeout, or timeouts.total in aisopod.toml"),
    (aisopod.FirstTokenTimeoutError, "raise timeouts.first_token in aisopod.toml, or try again"),
    (aisopod.IdleTimeoutError, "raise timeouts.idle in aisopod.toml, or try again"),
    (aisopod.ProtocolError, "see what came with --debug; is this the right base URL and dialect?"),
)


def is_partial(error: BaseException) -> bool:
    """Whether part of an answer had come before it broke off."""
    partial = getattr(error, "partial", None)
    if not isinstance(partial, aisopod.ChatCompletion):
        return False
    message = partial.message
    return bool(message.content or message.tool_calls or message.refusal)


def exit_code(error: BaseException) -> int:
    """The code that tells what kind of failure this was."""
    if is_partial(error):
        return 4
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def told(error: BaseException) -> str:
    """One block: the class in words, what went wrong, what to do."""
    if isinstance(error, click.ClickException):
        hint = getattr(error, "ctx", None)
        lines = [f"error: usage: {error.format_message()}"]
        if hint is not None:
            lines.append(f"  remedy: see `{hint.command_path} --help`")
        return visible("\n".join(lines))
    first, *rest = (str(error) or "no more is known").splitlines()
    lines = [f"error: {_words(error)}: {first}", *(f"  {line}" for line in rest)]
    if is_partial(error):
        lines.append("  the answer above is not whole")
    if remedy := remedy_for(error):
        lines.append(f"  remedy: {remedy}")
    return visible("\n".join(lines))


def remedy_for(error: BaseException) -> str:
    """What a user of the command line can do about it; empty where the error says so itself."""
    if isinstance(error, aisopod.ProviderError) and error.retryable:
        wait = error.retry_after
        return f"try again in {wait:g} s" if wait else "try again in a while"
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return remedy
    if not isinstance(error, aisopod.AisopodError):
        return "this is a fault of aisopod: AISOPOD_TRACEBACK=1 shows where; please report it"
    return ""


def _words(error: BaseException) -> str:
    """`RateLimitError` as `rate limit`."""
    if not isinstance(error, aisopod.AisopodError):
        return f"unexpected {type(error).__name__}"
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
