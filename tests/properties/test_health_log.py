"""The log of what happened: late, doubled and overtaking news lead to what they should."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod.policy.health import (
    LATE_SECONDS,
    Claimed,
    Event,
    Failed,
    Health,
    Pinned,
    Released,
    Reset,
    Succeeded,
    Used,
    applied,
)
from aisopod.policy.selection import Option, choose, standing

OPTION = Option(provider="p", model="m", profile="p:a", subjects=("profile", "pair", "m", "p"))


def failed(at: float, **fields: Any) -> Failed:
    facts: dict[str, Any] = {"started": at - 0.5, "reason": "rate_limit", "steps": (30.0, 60.0)}
    return Failed(at=at, **(facts | fields))


def after(*events: Event, health: Health | None = None) -> Health:
    health = health or Health()
    for event in events:
        health = applied(health, event)
    return health


def state(health: Health, now: float) -> str:
    return standing(OPTION, {"pair": health}.get, now).state


class TestProbes:
    ENDED = after(failed(10))

    def test_a_straggler_takes_no_probe_away(self) -> None:
        """Sent before the window opened, failed while another tries again."""
        claimed = after(Claimed(at=45, owner="a", lease=60), health=self.ENDED)
        late = after(failed(46, started=9), health=claimed)
        assert late.probe_owner == "a"
        assert after(Claimed(at=47, owner="b", lease=60), health=late).probe_owner == "a"

    def test_a_failed_probe_cannot_be_claimed_by_who_has_not_heard(self) -> None:
        again = after(
            Claimed(at=45, owner="a", lease=60),
            failed(46, started=45.5),
            Claimed(at=47, owner="b", lease=60),
            health=self.ENDED,
        )
        assert again.probe_owner == ""
        assert state(again, 47) == "out"

    def test_nor_one_that_succeeded(self) -> None:
        good = after(
            Claimed(at=45, owner="a", lease=60),
            Succeeded(at=46, started=45.5),
            Claimed(at=47, owner="b", lease=60),
            health=self.ENDED,
        )
        assert good.probe_owner == ""
        assert state(good, 47) == "ready"

    def test_a_lease_ends(self) -> None:
        claimed = after(Claimed(at=45, owner="a", lease=60), health=self.ENDED)
        assert state(claimed, 104) == "probing"
        assert state(claimed, 106) == "probe"
        assert after(Claimed(at=106, owner="b", lease=60), health=claimed).probe_owner == "b"


class TestOrder:
    def test_an_old_failure_opens_nothing_after_a_success(self) -> None:
        """Written late, or folded in twice: the success came after it and knew of it."""
        good = after(failed(10), Succeeded(at=50, started=45))
        assert after(failed(10), health=good) == good
        assert after(failed(44, started=8), health=good) == good
        assert after(failed(46, started=8), health=good).windows

    def test_a_clock_that_was_set_back_silences_no_failure(self) -> None:
        good = after(Succeeded(at=100_000, started=100_000))
        assert after(failed(50), health=good).windows

    def test_a_proof_of_the_credential_settles_no_limit(self) -> None:
        listed = after(Succeeded(at=50, started=45, disproves=("auth",)))
        assert after(failed(44, started=8), health=listed).windows

    def test_an_old_reset_spares_what_came_later(self) -> None:
        late = after(failed(10), failed(50), Reset(at=20))
        assert late.windows["rate_limit"].since == 50
        assert after(failed(10), Reset(at=20)).windows == {}
        assert after(failed(10), Reset(at=20), failed(10)).windows == {}

    def test_an_old_pin_does_not_come_back(self) -> None:
        pinned = after(Pinned(at=10, profile="p:a"), Pinned(at=20, profile="p:b"))
        assert after(Pinned(at=10, profile="p:a"), health=pinned) == pinned

    def test_evidence_is_of_models_that_fail_at_the_same_time(self) -> None:
        """However it arrives: 990 s lie between these."""
        health = after(
            failed(1000, reason="overloaded", model="m1"),
            failed(10, reason="overloaded", model="m2"),
        )
        assert health.windows == {}
        assert after(failed(1000, reason="overloaded", model="m2"), health=health).windows

    def test_an_old_success_leaves_later_evidence(self) -> None:
        health = after(
            failed(50, reason="overloaded", model="m1"),
            Succeeded(at=51, started=20),
            failed(52, reason="overloaded", model="m2"),
        )
        assert health.windows


class TestSecrets:
    def test_an_answer_to_the_old_secret_does_not_clear_the_new_one(self) -> None:
        """The new one is refused while an answer to the old one is still coming."""
        refused = failed(10, reason="auth", secret="new")
        health = after(refused, Succeeded(at=12, started=5, secret="old"))
        assert health.windows
        assert health.secret == "new"

    def test_an_answer_to_the_new_secret_does(self) -> None:
        health = after(
            failed(10, reason="auth", secret="old"), Succeeded(at=12, started=11, secret="n")
        )
        assert health.windows == {}
        assert health.secret == "n"

    def test_billing_of_the_old_secret_does_not_stay_with_the_new_one(self) -> None:
        """A look at the models shows the new one good; that says nothing about the old account."""
        health = after(
            failed(10, reason="billing", secret="old"),
            Succeeded(at=12, started=11, secret="new", disproves=("auth",)),
        )
        option = msgspec.structs.replace(OPTION, secret="new")
        assert standing(option, {"profile": health}.get, 13).state == "ready"
        option = msgspec.structs.replace(OPTION, secret="old")
        assert standing(option, {"profile": health}.get, 13).state == "out"

    def test_a_late_refusal_of_the_old_secret_does_not_clear_the_new_one(self) -> None:
        """Sent before the new one was there, refused after the new one was."""
        refused = after(failed(100, started=99, reason="auth", secret="new"))
        assert (
            after(failed(101, started=50, reason="auth", secret="old"), health=refused) == refused
        )
        third = after(failed(102, started=101, reason="auth", secret="third"), health=refused)
        assert third.secret == "third"

    def test_pacing_is_of_one_secret(self) -> None:
        health = after(
            Succeeded(at=2, started=1, secret="old", paced_until=60),
            Succeeded(at=4, started=3, secret="new"),
        )
        assert health.paced_until == 0

    def test_nobody_claims_for_another_secret(self) -> None:
        option = msgspec.structs.replace(OPTION, secret="new")
        records = {
            "profile": after(failed(10, reason="auth", secret="old")),
            "pair": after(failed(10, secret="new")),
        }
        assert choose([option], records.get, 1000).probe == ("pair",)


class TestClocks:
    def test_a_clock_that_was_set_back_makes_no_window_longer(self) -> None:
        health = after(failed(100_000, until=100_030))
        assert state(health, 100_010) == "out"
        assert state(health, 50_000) == "probe"
        assert after(Claimed(at=50_000, owner="a", lease=60), health=health).probe_owner == "a"

    def test_a_clock_that_was_set_back_still_opens_windows(self) -> None:
        """Else the old one, which is over, takes every failure and holds nothing back."""
        health = after(failed(100_000), failed(50_000))
        assert state(health, 50_010) == "out"
        assert health.windows["rate_limit"].failures == 2
        late = after(failed(100_000), failed(99_900))
        assert late.windows["rate_limit"].since == 100_000

    def test_clocks_that_differ_a_little_cut_none_short(self) -> None:
        assert state(after(failed(1000)), 995) == "out"

    def test_nor_pacing(self) -> None:
        health = after(Succeeded(at=100_000, started=100_000, paced_until=100_060))
        assert state(health, 100_059) == "out"
        assert state(health, 50_000) == "ready"


# --- any log ----------------------------------------------------------------------------------

SUBJECT = ["used", "good", "bad", "told", "auth", "model", "reset", "claim"]
SESSION = ["pin"]


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[int, Event]]:
    """What several writers did, in the order of time; each event with its writer."""
    log: list[tuple[int, Event]] = []
    at = 1000.0
    health = Health()
    kinds = st.sampled_from(draw(st.sampled_from([SUBJECT, SUBJECT, SESSION])))
    for _ in range(draw(st.integers(1, 14))):
        at += draw(st.sampled_from([0.01, 0.5, 5.0, 31.0, 70.0, 400.0]))
        started = at - draw(st.sampled_from([0.005, 0.4, 6.0, 60.0]))
        # Nobody sends into an open window but who has not read of it, a matter of milliseconds.
        for window in sorted(health.windows.values(), key=lambda each: -each.since):
            if window.since <= started < window.until:
                started = window.since - 0.001
        writer = draw(st.integers(0, 2))
        log.append((writer, _event(draw(kinds), at, started, writer, draw)))
        health = applied(health, log[-1][1])
    return log


def _event(kind: str, at: float, started: float, writer: int, draw: st.DrawFn) -> Event:
    match kind:
        case "used":
            return Used(at=at)
        case "good":
            return Succeeded(at=at, started=started, paced_until=draw(st.sampled_from([0, at + 9])))
        case "told":
            return failed(at, started=started, until=at + draw(st.sampled_from([0.0, 20.0, 1e5])))
        case "auth":
            return failed(at, started=started, reason="auth")
        case "model":
            model = draw(st.sampled_from(["m1", "m2", "m3"]))
            return failed(at, started=started, reason="overloaded", model=model)
        case "pin":
            return Pinned(at=at, profile=f"p:{writer}")
        case "reset":
            return Reset(at=at)
        case "claim":
            if draw(st.booleans()):
                return Claimed(at=at, owner=str(writer), lease=60)
            return Released(at=at, owner=str(writer))
        case _:
            return failed(at, started=started, chance=draw(st.sampled_from([0.0, 1.0])))


def what_matters(health: Health) -> object:
    """All but who just tries: a claim is asked of the store itself, never told twice."""
    return msgspec.structs.replace(health, probe_owner="", probe_until=0.0)


@settings(max_examples=300, deadline=None)
@given(logs(), st.data())
def test_told_twice_is_told_once(log: list[tuple[int, Event]], data: st.DataObject) -> None:
    """A process lays its own latest news over a record that may hold them already."""
    writer = data.draw(st.integers(0, 2))
    health = after(*(event for _, event in log))
    now = log[-1][1].at
    own = [event for by, event in log if by == writer and now - event.at < LATE_SECONDS]
    again = own[data.draw(st.integers(0, len(own))) :]
    assert what_matters(after(*again, health=health)) == what_matters(health)


@settings(max_examples=200, deadline=None)
@given(logs(), st.data())
def test_a_window_moves_only_to_a_later_deadline_that_was_told(
    log: list[tuple[int, Event]], data: st.DataObject
) -> None:
    health = Health()
    for _, event in log:
        before, health = health, applied(health, event)
        if isinstance(event, Succeeded | Reset):
            continue
        for reason, window in before.windows.items():
            if window.until > event.at:
                told = event.until if isinstance(event, Failed) and event.reason == reason else None
                assert health.windows[reason].until == max(window.until, told or 0)
                assert health.windows[reason].failures == window.failures
