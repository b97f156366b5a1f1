"""Keys that the simulator knows: what aisopod and the vendors' SDKs make of their troubles."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from aisopod import AsyncClient, Config, FailoverConfig, ProviderConfig, Secret
from aisopod.errors import (
    AuthenticationError,
    BillingError,
    OverloadedError,
    ProviderError,
    RateLimitError,
)
from aisopod.simulator import Reply, SimulatedKey, Simulator

MODELS = {
    "anthropic": "anthropic/claude-sonnet-4-5",
    "bedrock": "bedrock/us.amazon.nova-pro-v1:0",
    "gemini": "gemini/gemini-2.5-flash",
    "ollama": "ollama/qwen3",
    "openai": "openai/gpt-4.1",
}
WIRES = list(MODELS)
KEY = "sk-simulated-1"
ASK: Any = {"messages": [{"role": "user", "content": "hi"}]}


def client(simulator: Simulator, wire: str, key: str = KEY) -> AsyncClient:
    """One that asks once, and knows nothing of what others were told."""
    by_key = wire != "bedrock"
    settings = ProviderConfig(
        base_url=simulator.url_for(wire),
        api_key=Secret(key) if by_key else None,
        token=None if by_key else Secret(key),
        options={} if by_key else {"region": "us-east-1"},
    )
    once = FailoverConfig(max_attempts=1, max_wait=0)
    return AsyncClient(Config(providers={wire: settings}, failover=once, state="memory"))


async def error_of(simulator: Simulator, wire: str, key: str = KEY) -> ProviderError:
    async with client(simulator, wire, key) as asking:
        with pytest.raises(ProviderError) as plain:
            await asking.complete(MODELS[wire], "hi")
    async with client(simulator, wire, key) as asking:
        with pytest.raises(type(plain.value)):
            async with asking.stream(MODELS[wire], "hi") as stream:
                await stream.collect()
    return plain.value


class TestEveryWire:
    @pytest.mark.parametrize("wire", WIRES)
    async def test_over_the_limit(self, wire: str) -> None:
        key = SimulatedKey(limit=1, window=30)
        async with Simulator(keys={KEY: key}) as simulator:
            async with client(simulator, wire) as asking:
                await asking.complete(MODELS[wire], "hi")
            error = await error_of(simulator, wire)
        assert isinstance(error, RateLimitError)
        assert error.status == 429
        assert error.retry_after == pytest.approx(30, abs=2)
        assert (key.served, key.limited, key.refused) == (1, 2, 0)

    @pytest.mark.parametrize("wire", WIRES)
    async def test_over_a_limit_that_is_not_told(self, wire: str) -> None:
        key = SimulatedKey(limit=0, retry_after=False, limit_headers=False)
        async with Simulator(keys={KEY: key}) as simulator:
            error = await error_of(simulator, wire)
        assert isinstance(error, RateLimitError)
        assert error.retry_after is None

    @pytest.mark.parametrize("wire", WIRES)
    async def test_the_window_ends(self, wire: str) -> None:
        key = SimulatedKey(limit=1, window=0.2)
        async with Simulator(keys={KEY: key}) as simulator:
            async with client(simulator, wire) as asking:
                await asking.complete(MODELS[wire], "hi")
            async with client(simulator, wire) as asking:
                with pytest.raises(RateLimitError) as caught:
                    await asking.complete(MODELS[wire], "hi")
                await asyncio.sleep(caught.value.retry_after or 0.2)
                await asking.complete(MODELS[wire], "hi")
        assert (key.served, key.limited) == (2, 1)

    @pytest.mark.parametrize("wire", WIRES)
    async def test_revoked_half_way(self, wire: str) -> None:
        async with Simulator(keys={KEY: SimulatedKey()}) as simulator:
            async with client(simulator, wire) as asking:
                await asking.complete(MODELS[wire], "hi")
            simulator.keys[KEY].revoked = True
            revoked = await error_of(simulator, wire)
            unknown = await error_of(simulator, wire, "sk-unknown")
        assert isinstance(revoked, AuthenticationError)
        assert isinstance(unknown, AuthenticationError)
        assert (revoked.status, revoked.code) == (unknown.status, unknown.code)
        assert (simulator.keys[KEY].served, simulator.keys[KEY].refused) == (1, 2)

    @pytest.mark.parametrize("wire", WIRES)
    async def test_exhausted(self, wire: str) -> None:
        key = SimulatedKey(exhausted=True)
        async with Simulator(keys={KEY: key}) as simulator:
            assert isinstance(await error_of(simulator, wire), BillingError)
            key.exhausted = False
            async with client(simulator, wire) as asking:
                await asking.complete(MODELS[wire], "hi")
        assert (key.served, key.refused) == (1, 2)

    @pytest.mark.parametrize("wire", WIRES)
    async def test_an_outage(self, wire: str) -> None:
        key = SimulatedKey()
        async with Simulator(keys={KEY: key}) as simulator:
            simulator.down.add(wire)
            error = await error_of(simulator, wire)
            simulator.down.clear()
            async with client(simulator, wire) as asking:
                await asking.complete(MODELS[wire], "hi")
        assert isinstance(error, OverloadedError)
        assert error.status == 503
        assert (key.served, key.refused) == (1, 0)

    @pytest.mark.parametrize("wire", WIRES)
    async def test_the_transcript_tells_the_key(self, wire: str) -> None:
        async with Simulator(keys={KEY: SimulatedKey(), "sk-2": SimulatedKey()}) as simulator:
            for key in (KEY, "sk-2"):
                async with client(simulator, wire, key) as asking:
                    await asking.complete(MODELS[wire], "hi")
            await error_of(simulator, wire, "sk-not-to-be-kept")
        assert [received.key for received in simulator.requests] == [KEY, "sk-2", None, None]
        assert "sk-not-to-be-kept" not in str(simulator.requests)

    async def test_one_outage_is_not_everyones(self) -> None:
        async with Simulator() as simulator:
            simulator.down = {"vertex", "openai"}
            assert isinstance(await error_of(simulator, "gemini"), OverloadedError)
            async with client(simulator, "anthropic") as asking:
                await asking.complete(MODELS["anthropic"], "hi")


class TestLimitHeaders:
    @pytest.mark.parametrize("wire", ["anthropic", "openai"])
    async def test_they_count_down(self, wire: str) -> None:
        keys = {KEY: SimulatedKey(limit=3, window=20)}
        async with Simulator(keys=keys) as simulator, client(simulator, wire) as asking:
            plain = await asking.complete(MODELS[wire], "hi")
            async with asking.stream(MODELS[wire], "hi") as stream:
                streamed = await stream.collect()
        limits = [answer.rate_limits["requests"] for answer in (plain, streamed)]
        assert [limit.limit for limit in limits] == [3, 3]
        assert [limit.remaining for limit in limits] == [2, 1]
        assert all(limit.reset_after == pytest.approx(20, abs=2) for limit in limits)
        assert len(plain.rate_limits) > 1

    @pytest.mark.parametrize("wire", ["anthropic", "openai"])
    async def test_they_can_be_left_out(self, wire: str) -> None:
        keys = {KEY: SimulatedKey(limit=3, limit_headers=False)}
        async with Simulator(keys=keys) as simulator, client(simulator, wire) as asking:
            assert (await asking.complete(MODELS[wire], "hi")).rate_limits == {}

    async def test_a_reply_has_the_last_word(self) -> None:
        reply = Reply(content="x", headers={"x-ratelimit-remaining-requests": "77"})
        keys = {KEY: SimulatedKey(limit=3)}
        async with (
            Simulator([reply], keys=keys) as simulator,
            client(simulator, "openai") as asking,
        ):
            answer = await asking.complete(MODELS["openai"], "hi")
        assert answer.rate_limits["requests"].remaining == 77
        assert answer.rate_limits["requests"].limit == 3

    async def test_long_and_short_windows(self) -> None:
        keys = {
            "long": SimulatedKey(limit=1, window=90),
            "short": SimulatedKey(limit=1, window=0.5),
        }
        resets = {}
        async with Simulator(keys=keys) as simulator:
            for key in keys:
                async with client(simulator, "openai", key) as asking:
                    answer = await asking.complete(MODELS["openai"], "hi")
                    resets[key] = answer.rate_limits["requests"].reset_after
        assert resets["long"] == pytest.approx(90, abs=2)
        assert resets["short"] == pytest.approx(0.4, abs=0.11)


class TestScripts:
    async def test_a_function_of_two_learns_the_key(self) -> None:
        def reply(body: dict[str, Any], key: str | None) -> Reply:
            return Reply(content=f"{body['messages'][0]['content']} from {key}")

        keys = {KEY: SimulatedKey()}
        async with Simulator(reply, keys=keys) as simulator, client(simulator, "openai") as asking:
            assert (await asking.complete(MODELS["openai"], "hi")).text == f"hi from {KEY}"

    async def test_a_second_parameter_of_its_own_is_left_alone(self) -> None:
        def reply(body: dict[str, Any], text: str = "own") -> Reply:
            return Reply(content=text)

        async with Simulator(reply) as simulator, client(simulator, "openai") as asking:
            assert (await asking.complete(MODELS["openai"], "hi")).text == "own"

    async def test_a_refused_request_uses_no_reply(self) -> None:
        key = SimulatedKey(exhausted=True)
        script = [Reply(content="one"), Reply(content="two")]
        async with Simulator(script, keys={KEY: key}) as simulator:
            await error_of(simulator, "openai")
            key.exhausted = False
            async with client(simulator, "openai") as asking:
                assert (await asking.complete(MODELS["openai"], "hi")).text == "one"


class TestWhichKeys:
    @staticmethod
    async def status(simulator: Simulator, authorization: str | None, path: str = "/models") -> int:
        headers = {} if authorization is None else {"authorization": authorization}
        url = simulator.url_for("openai") + path
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status

    async def test_without_a_key(self) -> None:
        async with Simulator(keys={KEY: SimulatedKey()}) as simulator:
            assert await self.status(simulator, None) == 401
            assert await self.status(simulator, f"Bearer {KEY}") == 200
        async with Simulator(keys={}) as simulator:
            assert await self.status(simulator, None) == 401
        async with Simulator() as simulator:
            assert await self.status(simulator, None) == 200
            simulator.keys[KEY] = SimulatedKey()
            assert await self.status(simulator, None) == 401

    async def test_a_required_key_is_taken_as_well(self) -> None:
        keys = {KEY: SimulatedKey()}
        async with Simulator(keys=keys, require_key="sk-required") as simulator:
            assert await self.status(simulator, "Bearer sk-required") == 200
            assert await self.status(simulator, f"Bearer {KEY}") == 200
            assert await self.status(simulator, "Bearer sk-other") == 401

    async def test_listings_cost_nothing_but_need_a_key_that_is_valid(self) -> None:
        key = SimulatedKey(limit=0, exhausted=True)
        async with Simulator(keys={KEY: key}) as simulator:
            assert await self.status(simulator, f"Bearer {KEY}") == 200
            key.revoked = True
            assert await self.status(simulator, f"Bearer {KEY}") == 401
        assert (key.served, key.limited, key.refused) == (0, 0, 1)


@pytest.mark.real
class TestOpenAI:
    @staticmethod
    @contextlib.contextmanager
    def refused(error: type[openai.APIStatusError], **fields: Any) -> Iterator[Any]:
        key = SimulatedKey(**fields)
        with Simulator(keys={KEY: key}) as simulator:
            sdk = openai.OpenAI(api_key=KEY, base_url=simulator.url_for("openai"), max_retries=0)
            with sdk, pytest.raises(error) as caught:
                sdk.chat.completions.create(model="gpt-4.1", **ASK)
        yield caught.value

    def test_limited(self) -> None:
        with self.refused(openai.RateLimitError, limit=0, window=10) as error:
            assert error.code == "rate_limit_exceeded"
            assert error.type == "requests"
            headers = error.response.headers
            # The window begins with the request, so hardly any of it is over.
            assert float(headers["retry-after"]) == pytest.approx(10, abs=1)
            assert float(headers["retry-after-ms"]) == pytest.approx(10_000, abs=1000)
            assert headers["x-ratelimit-remaining-requests"] == "0"

    def test_exhausted(self) -> None:
        with self.refused(openai.RateLimitError, exhausted=True) as error:
            assert error.code == "insufficient_quota"
            assert "retry-after" not in error.response.headers

    def test_revoked(self) -> None:
        with self.refused(openai.AuthenticationError, revoked=True) as error:
            assert error.code == "invalid_api_key"

    def test_down_and_up_again(self) -> None:
        with Simulator([Reply(content="back")], keys={KEY: SimulatedKey()}) as simulator:
            sdk = openai.OpenAI(api_key=KEY, base_url=simulator.url_for("openai"), max_retries=0)
            simulator.down.add("openai")
            with sdk:
                with pytest.raises(openai.InternalServerError) as caught:
                    sdk.chat.completions.create(model="gpt-4.1", **ASK)
                simulator.down.discard("openai")
                answer = sdk.chat.completions.create(model="gpt-4.1", **ASK)
        assert caught.value.status_code == 503
        assert answer.choices[0].message.content == "back"

    def test_it_waits_as_it_is_told(self) -> None:
        key = SimulatedKey(limit=1, window=0.3)
        with Simulator(keys={KEY: key}) as simulator:
            sdk = openai.OpenAI(api_key=KEY, base_url=simulator.url_for("openai"), max_retries=1)
            with sdk:
                for _ in range(2):
                    sdk.chat.completions.create(model="gpt-4.1", **ASK)
        assert (key.served, key.limited) == (2, 1)


@pytest.mark.real
class TestAnthropic:
    @staticmethod
    @contextlib.contextmanager
    def refused(error: type[anthropic.APIStatusError], **fields: Any) -> Iterator[Any]:
        key = SimulatedKey(**fields)
        with Simulator(keys={KEY: key}) as simulator:
            sdk = anthropic.Anthropic(
                api_key=KEY, base_url=simulator.url_for("anthropic"), max_retries=0
            )
            with sdk, pytest.raises(error) as caught:
                sdk.messages.create(model="claude-opus-4-8", max_tokens=9, **ASK)
        yield caught.value

    def test_limited(self) -> None:
        with self.refused(anthropic.RateLimitError, limit=0, window=10) as error:
            assert error.body["error"]["type"] == "rate_limit_error"
            headers = error.response.headers
            assert float(headers["retry-after"]) == pytest.approx(10, abs=1)
            assert headers["anthropic-ratelimit-requests-remaining"] == "0"

    def test_exhausted(self) -> None:
        with self.refused(anthropic.BadRequestError, exhausted=True) as error:
            assert error.body["error"]["type"] == "invalid_request_error"
            assert "credit balance is too low" in str(error)

    def test_revoked(self) -> None:
        with self.refused(anthropic.AuthenticationError, revoked=True) as error:
            assert error.body["error"]["message"] == "invalid x-api-key"
