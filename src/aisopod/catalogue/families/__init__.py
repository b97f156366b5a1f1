"""How families of models behave, by the beginning of their names.

Rules tell what no list of models tells: which parameters are refused, how reasoning is asked for.
They hold for models that are newer than the snapshot too.
"""

from msgspec.structs import replace

from aisopod.catalogue.facts import ModelFacts, sourced
from aisopod.catalogue.families import bedrock, claude, gemini, gpt
from aisopod.catalogue.families.rule import Rule
from aisopod.catalogue.ids import keys

__all__ = ["RULES", "Rule", "family_facts"]

# Bedrock has its own rules first: Converse takes less than the vendors' own wires.
RULES: dict[str, tuple[tuple[Rule, ...], ...]] = {
    "anthropic": (claude.RULES,),
    "azure": (gpt.RULES,),
    "bedrock": (bedrock.RULES, claude.RULES),
    "bedrock-anthropic": (claude.RULES,),
    "gemini": (gemini.RULES,),
    "openai": (gpt.RULES,),
    "vertex": (gemini.RULES, claude.RULES),
}
_PLATFORMS = frozenset({"azure", "bedrock", "bedrock-anthropic", "vertex"})


def family_facts(provider: str, model: str) -> list[ModelFacts]:
    """What the rules say of a model, the narrowest table first; none for other providers."""
    layers = []
    for table in RULES.get(provider, ()):
        if rule := _find(table, model):
            # A vendor retires its models on its own service, a platform when it likes.
            facts = replace(rule.facts, lifecycle=None) if provider in _PLATFORMS else rule.facts
            layers.append(sourced(provider, model, facts, rule.source))
    return layers


def _find(table: tuple[Rule, ...], model: str) -> Rule | None:
    """The rule with the longest beginning, for the least specific name that any rule knows."""
    for key in reversed(keys(model)):
        found = [rule for rule in table if rule.holds_for(key.id)]
        if found:
            return max(found, key=lambda rule: len(rule.beginning))
    return None
