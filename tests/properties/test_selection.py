"""The short way to a choice is the long one's answer, whatever is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from aisopod.policy.health import Health, Window
from aisopod.policy.selection import Option, choose

NOW = 1_000.0
TIMES = st.floats(900, 1_100).map(lambda time: round(time, 1))
WINDOWS = st.dictionaries(
    st.sampled_from(["auth", "rate_limit", "billing"]),
    st.builds(Window, since=st.just(950.0), until=TIMES),
    max_size=2,
)
HEALTHS = st.one_of(
    st.builds(Health, last_used=TIMES),
    st.builds(
        Health, last_used=TIMES, last_good=TIMES, windows=WINDOWS, secret=st.sampled_from(["", "s", "t"]),
        paced_until=st.sampled_from([0.0, 990.0, 1_050.0]), probe_until=st.sampled_from([0.0, 1_010.0]),
    ),
)  # fmt: skip


def option(candidate: int, name: str, rank: int, weight: float) -> Option:
    model = f"m{candidate}"
    return Option(
        provider="p", model=model, profile=name, candidate=candidate, rank=rank, weight=weight,
        subjects=(name, f"{name}/{model}", model, "p"), secret="s",
    )  # fmt: skip


OPTIONS = st.lists(
    st.builds(option, st.just(0), st.sampled_from("abcde"), st.sampled_from([0, 0, 0, 1]),
              st.sampled_from([1.0, 1.0, 1.0, 2.0])),
    min_size=1, max_size=5, unique_by=lambda made: made.profile,
)  # fmt: skip


@given(options=OPTIONS, others=st.booleans(), data=st.data(), chance=st.floats(0, 0.99))
def test_the_obvious_one_is_the_one_that_a_look_at_all_finds(
    options: list[Option], others: bool, data: st.DataObject, chance: float
) -> None:
    if others:
        options = [*options, option(1, "x", 0, 1.0)]
    keys = sorted({key for each in options for key in each.subjects})
    records = data.draw(st.dictionaries(st.sampled_from(keys), HEALTHS))
    short = choose(options, records.get, NOW, chance=chance)
    # Whoever excludes somebody, be it nobody who is there, has all looked at.
    long = choose(options, records.get, NOW, chance=chance, excluded={(9, "nobody")})
    assert (short.option, short.probe, short.retry_at) == (long.option, long.probe, long.retry_at)
