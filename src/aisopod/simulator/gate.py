"""What stands before every call: outages, credentials, and what a key may still do."""

import math
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime

from aisopod.simulator.keys import SimulatedKey
from aisopod.simulator.wire import Fields, Refusal, Wire

__all__ = ["admit", "outage", "tell_limits"]

_GOOGLE = "type.googleapis.com/google.rpc."
_DOWN = {
    "anthropic": "Overloaded",
    "bedrock": "Bedrock is unable to process your request.",
    "gemini": "The service is currently unavailable.",
    "ollama": "server busy, please try again.  maximum pending requests exceeded",
    "openai": "The server is currently unavailable. Please try again later.",
}
_LIMITED = {
    "anthropic": "This request would exceed your organization's rate limit.",
    "bedrock": "Too many requests, please wait before trying again.",
    "gemini": "You exceeded your current quota.",
    "ollama": "too many requests",
    "openai": "Rate limit reached for requests.",
}
_NOT_PAID = {
    "@type": f"{_GOOGLE}ErrorInfo",
    "reason": "BILLING_DISABLED",
    "domain": "googleapis.com",
    "metadata": {"service": "generativelanguage.googleapis.com"},
}
_EXHAUSTED = {
    "anthropic": "Your credit balance is too low to access the Anthropic API. Please go to Plans "
    "& Billing to upgrade or purchase credits.",
    "bedrock": "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment "
    "instrument must be provided.",
    "gemini": "This API method requires billing to be enabled. Please enable billing on the "
    "project, then retry.",
    "ollama": "you have used up your plan, please upgrade to continue",
    "openai": "You exceeded your current quota, please check your plan and billing details.",
}
_EXHAUSTED_STATUS = {"anthropic": 400, "bedrock": 403, "gemini": 403, "ollama": 402, "openai": 429}
_EXHAUSTED_FIELDS: dict[str, Fields] = {
    "gemini": {"details": [_NOT_PAID]},
    "openai": {"type": "insufficient_quota", "code": "insufficient_quota"},
}


def outage(wire: str) -> Refusal:
    """What a wire answers while its service is down."""
    return Refusal(503, _DOWN[wire])


def admit(wire: str, key: SimulatedKey) -> None:
    """Let a chat call with a key through, and count it.

    Raises:
        Refusal: the key's account is exhausted, or its limit is reached.
    """
    if key.exhausted:
        key.refused += 1
        fields = _EXHAUSTED_FIELDS.get(wire, {})
        raise Refusal(_EXHAUSTED_STATUS[wire], _EXHAUSTED[wire], **fields)
    now = time.monotonic()
    if not key.take(now):
        key.limited += 1
        raise _limited(wire, key, key.left(now))
    key.served += 1


def _limited(wire: str, key: SimulatedKey, wait: float) -> Refusal:
    milliseconds = math.ceil(wait * 1000)
    told = f"{milliseconds / 1000:g}"
    if wire == "gemini":
        return Refusal(429, _LIMITED[wire], details=_google_details(told, key))
    refusal = Refusal(429, _LIMITED[wire])
    if key.retry_after:
        refusal.headers["retry-after"] = told
        if wire == "openai":
            refusal.message += f" Please try again in {_duration(wait)}."
            refusal.headers["retry-after-ms"] = str(milliseconds)
    return refusal


def _google_details(seconds: str, key: SimulatedKey) -> list[Fields]:
    violation = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}
    details: list[Fields] = [{"@type": f"{_GOOGLE}QuotaFailure", "violations": [violation]}]
    if key.retry_after:
        details.append({"@type": f"{_GOOGLE}RetryInfo", "retryDelay": f"{seconds}s"})
    return details


def tell_limits(headers: MutableMapping[str, str], wire: Wire, key: SimulatedKey | None) -> None:
    """Put a key's own limit into headers in place of the wire's sample; or leave all limits out."""
    if key is None:
        return
    if not key.limit_headers:
        for name in [name for name in headers if "ratelimit" in name.lower()]:
            del headers[name]
        return
    if key.limit is None:
        return
    left, remaining = key.left(time.monotonic()), str(max(key.limit - key.used, 0))
    match wire.name:
        case "openai":
            headers["x-ratelimit-limit-requests"] = str(key.limit)
            headers["x-ratelimit-remaining-requests"] = remaining
            headers["x-ratelimit-reset-requests"] = _duration(left)
        case "anthropic":
            prefix = "anthropic-ratelimit-requests"
            headers[f"{prefix}-limit"] = str(key.limit)
            headers[f"{prefix}-remaining"] = remaining
            headers[f"{prefix}-reset"] = _moment(left)
        case _:
            pass


def _duration(seconds: float) -> str:
    """As OpenAI writes it: `20ms`, `1.5s`, `6m0s`."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    return (f"{minutes}m" if minutes else "") + f"{rest / 1000:g}s"


def _moment(seconds: float) -> str:
    """As Anthropic writes it: the second in which the limit is full again."""
    moment = datetime.fromtimestamp(math.ceil(time.time() + seconds), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
