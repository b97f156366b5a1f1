"""The one table of what follows from which error."""

from aisopod import errors
from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.failover import TABLE, verdict_on
from failover.table import PAGE, renewed


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text()
    assert renewed(page) == page, "renew it: PYTHONPATH=tests python tests/failover/table.py"


def test_every_error_has_its_own_row_and_none_hides_behind_a_wider_one() -> None:
    kinds = [kind for kind, _ in TABLE]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, wider) for wider in kinds[:place]), kind


def test_what_cools_says_for_how_long() -> None:
    for kind, verdict in TABLE:
        assert (verdict.cools is None) == (verdict.reason is None), kind
        if verdict.reason is not None:
            assert getattr(Cooldowns(), verdict.reason)


def test_the_errors_own_flags_agree_with_the_table() -> None:
    """`retryable` and `scope` are what users read; the policy must not contradict them."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not (isinstance(kind, type) and issubclass(kind, errors.AisopodError)):
            continue
        verdict = verdict_on(kind.__new__(kind))
        if verdict.action == "give_up" and kind is not errors.AllAttemptsFailedError:
            assert not kind.retryable, name
        if verdict.cools == "profile":
            assert kind.scope == "profile", name
        if kind.scope == "request" and kind is not errors.ProviderError:
            assert verdict.cools is None, name
