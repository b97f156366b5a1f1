"""One request, every provider, one result: streamed and plain, over the simulator's wires."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import aisopod
from aisopod import UnsupportedFeatureError
from aisopod.simulator import Simulator
from matrix.cases import CASES, TARGETS, TOLD, UNSUPPORTED, Case, City, Target, render
from matrix.configured import AWS, KEY, configured

targets = pytest.mark.parametrize("target", TARGETS, ids=[t.provider for t in TARGETS])
cases = pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
streams = pytest.mark.parametrize("stream", [True, False], ids=["stream", "complete"])


async def asked(target: Target, case: Case, simulator: Simulator, *, stream: bool) -> Any:
    model = f"{target.provider}/{target.thinker if case.thinks else target.model}"
    async with aisopod.AsyncClient(configured(target, simulator)) as client:
        if not stream:
            return await client.complete(model, **case.asked)
        async with client.stream(model, **case.asked) as answer:
            return await answer.collect()


@pytest.fixture
async def simulator(case: Case) -> AsyncIterator[Simulator]:
    async with Simulator([case.reply], require_key=KEY, aws_secret=AWS) as running:
        yield running


@streams
@cases
@targets
async def test_the_same_everywhere(
    target: Target, case: Case, stream: bool, simulator: Simulator
) -> None:
    if (target.provider, case.name) in UNSUPPORTED:
        with pytest.raises(UnsupportedFeatureError) as caught:
            await asked(target, case, simulator, stream=stream)
        assert caught.value.field == UNSUPPORTED[target.provider, case.name]
        assert caught.value.remedy
        assert simulator.requests == []
        return
    answer = await asked(target, case, simulator, stream=stream)
    assert case.normalised(answer) == case.expected
    told = [warning.rule for warning in answer.warnings]
    assert told == TOLD.get((target.provider, case.name), [])
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert answer.info is not None
    assert answer.info.provider == target.provider
    if case.name == "json_schema":
        assert answer.parsed == City(city="Paris", country="France")
    assert len(simulator.requests) == 1


@targets
async def test_health(target: Target) -> None:
    async with Simulator(require_key=KEY, aws_secret=AWS) as running:
        async with aisopod.AsyncClient(configured(target, running)) as client:
            health = await client.health_check(target.provider)
        assert health.ok, health.problem
        assert health.reachable
        assert health.latency_seconds is not None
        assert [received.method for received in running.requests] == ["GET"]
    async with aisopod.AsyncClient(configured(target, running)) as client:
        health = await client.health_check(target.provider)
    assert not health.reachable
    assert health.problem


@targets
async def test_health_with_a_wrong_key(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    if target.provider == "ollama":
        pytest.skip("a local server asks for no key")
    async with (
        Simulator(require_key="another", aws_secret={"AKIAMATRIX": "other"}) as running,
        aisopod.AsyncClient(configured(target, running)) as client,
    ):
        health = await client.health_check(target.provider)
    assert health.reachable
    assert health.authorised is False
    assert health.problem
    assert KEY not in health.problem


@pytest.mark.parametrize("target", TARGETS, ids=[t.provider for t in TARGETS])
async def test_models_are_listed(target: Target) -> None:
    async with (
        Simulator(require_key=KEY, aws_secret=AWS) as running,
        aisopod.AsyncClient(configured(target, running)) as client,
    ):
        models = await client.list_models(target.provider)
    assert models
    assert {model.provider for model in models} == {target.provider}


def test_the_docs_have_this_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "providers.md"
    assert render() in page.read_text(), "renew it: python tests/matrix/cases.py"
