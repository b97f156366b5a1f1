"""Names of models and the family that they find."""

import pytest

from aisopod.codecs.anthropic_messages.families import family_of


@pytest.mark.parametrize(
    ("names", "same"),
    [
        (
            [
                "claude-sonnet-4-5-20250929",
                "claude-sonnet-4-5-latest",
                "claude-sonnet-4-5@20250929",
                "anthropic.claude-sonnet-4-5-20250929-v1:0",
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "anthropic/claude-sonnet-4.5",
                "Claude-Sonnet-4-5",
            ],
            "claude-sonnet-4-5",
        ),
        (["claude-opus-4-20250514", "claude-opus-4-0", "anthropic/claude-opus-4"], "claude-opus-4"),
        (["claude-3-5-sonnet-latest", "claude-3-5-haiku-20241022"], "claude-3-5"),
        (["claude-3-opus-20240229"], "claude-3"),
        (["claude-fable-5", "claude-fable-5-9"], "claude-mythos-5"),
        (["claude-opus-4-9", "claude-next-7", "claude-haiku-6"], "claude-haiku-5-5"),
    ],
)
def test_names_of_one_family(names: list[str], same: str) -> None:
    assert {family_of(name) for name in names} == {family_of(same)}


def test_a_point_release_is_not_its_forerunner() -> None:
    assert family_of("claude-opus-4").max_output_tokens == 32_000
    assert not family_of("claude-opus-4").structured
    assert family_of("claude-opus-4-1").structured
    assert family_of("claude-opus-4-5").efforts == ("low", "medium", "high")
    assert family_of("claude-opus-5").off == "disabled"
    assert family_of("claude-opus-5-5").off is None
    assert family_of("claude-sonnet-5").off == "disabled"
    assert family_of("claude-sonnet-5-5").off == "between_tools"


def test_another_servers_model_takes_what_the_wire_takes() -> None:
    family = family_of("qwen3:8b")
    assert family.sampling
    assert family.structured
    assert family.thinking == "both"
