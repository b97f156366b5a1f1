"""What goes wrong goes wrong in the same way everywhere, and what had come is kept."""

from typing import Any

import pytest

import aisopod
from aisopod import AisopodError, Timeouts
from aisopod.simulator import Fault, Reply, Simulator
from matrix.cases import TARGETS, Target
from matrix.configured import AWS, KEY, configured

TEXT = "one two three four"
CAME = "one two"
TIMEOUTS = Timeouts(idle=0.3)

targets = pytest.mark.parametrize("target", TARGETS, ids=[t.provider for t in TARGETS])


async def failure(target: Target, fault: Fault, *, stream: bool = True) -> AisopodError:
    reply = Reply(content=TEXT, fault=fault)
    async with (
        Simulator([reply], require_key=KEY, aws_secret=AWS) as running,
        aisopod.AsyncClient(configured(target, running), timeouts=TIMEOUTS) as client,
    ):
        model = f"{target.provider}/{target.model}"
        with pytest.raises(AisopodError) as caught:
            if stream:
                await client.stream(model, "hi").collect()
            else:
                await client.complete(model, "hi")
    return caught.value


FAULTS: dict[str, tuple[type[AisopodError], ...]] = {
    "drop": (aisopod.StreamInterruptedError,),
    "stall": (aisopod.IdleTimeoutError,),
    "garbage": (aisopod.ProtocolError,),
    "truncate": (aisopod.StreamInterruptedError,),
    "error": (aisopod.OverloadedError,),
    "no_terminator": (aisopod.StreamInterruptedError,),
}
# The wire has a text there and nothing else.
OTHERWISE: dict[tuple[str, str], tuple[type[AisopodError], ...]] = {
    ("ollama", "error"): (aisopod.ProviderError,),
}
# Services on this wire leave `[DONE]` out: an answer with its finish reason is whole.
WITHOUT_TERMINATOR = ("openai", "azure", "deepseek")
# Services that never answer so.
NEVER = {("bedrock", 401), ("bedrock-anthropic", 401)}


@targets
@pytest.mark.parametrize("kind", list(FAULTS))
async def test_what_had_come_is_kept(target: Target, kind: Any) -> None:
    if kind == "no_terminator" and target.provider in WITHOUT_TERMINATOR:
        pytest.skip("the finish reason ends an answer on this wire")
    error = await failure(target, Fault(kind=kind, after=2))
    assert isinstance(error, OTHERWISE.get((target.provider, kind), FAULTS[kind])), repr(error)
    assert error.retryable or (target.provider, kind) in OTHERWISE
    assert getattr(error, "provider", target.provider) == target.provider
    partial = error.partial
    assert partial is not None
    assert partial.text == (TEXT if kind == "no_terminator" else CAME)
    assert partial.finish_reason is None or kind == "no_terminator"
    assert KEY not in str(error)


@targets
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, aisopod.AuthenticationError),
        (403, aisopod.PermissionDeniedError),
        (404, aisopod.ModelNotFoundError),
        (429, aisopod.RateLimitError),
        (500, aisopod.ServerError),
        (503, aisopod.OverloadedError),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "complete"])
async def test_a_refusal_is_of_its_class(
    target: Target, status: int, expected: type[AisopodError], *, stream: bool
) -> None:
    if (target.provider, status) in NEVER:
        pytest.skip("AWS has no 401")
    error = await failure(target, Fault(kind="status", status=status), stream=stream)
    assert isinstance(error, expected), repr(error)
    assert isinstance(error, aisopod.ProviderError)
    assert error.status == status
    assert error.provider == target.provider
    assert error.model == target.model
