"""Short names for the newest model of a line, found in the data: `sonnet`, `gpt`, `gemini-flash`."""

import re
from functools import lru_cache

from aisopod.catalogue.ids import canonical
from aisopod.catalogue.offline import offline_facts
from aisopod.catalogue.snapshot import rows_of

__all__ = ["ALIASES", "aliases", "newest"]


def _line(before: str, after: str = "") -> str:
    """A line's names: its version between two words, with a dot or a dash inside."""
    return rf"{before}-(?P<version>\d+(?:[.-]\d{{1,2}})?){after}"


# A line's members are known by their canonical names alone, which say nothing of previews: the
# newest are in no list of families yet.
ALIASES: dict[str, str] = {
    "fable": _line("claude-fable"),
    "haiku": _line("claude-haiku"),
    "mythos": _line("claude-mythos"),
    "opus": _line("claude-opus"),
    "sonnet": _line("claude-sonnet"),
    "gemini-flash": _line("gemini", "-flash"),
    "gemini-flash-lite": _line("gemini", "-flash-lite"),
    "gemini-pro": _line("gemini", "-pro"),
    # OpenAI names its main line Sol since 5.6, where gpt-5.6 is a name of gpt-5.6-sol.
    "gpt": _line("gpt", r"(?:-sol)?"),
    "gpt-astra": _line("gpt", "-astra"),
    "gpt-luna": _line("gpt", "-luna"),
    "gpt-mini": _line("gpt", "-mini"),
    "gpt-nano": _line("gpt", "-nano"),
    "gpt-terra": _line("gpt", "-terra"),
    "nova-lite": r"nova-(?:(?P<version>\d+)-)?lite",
    "nova-micro": r"nova-(?:(?P<version>\d+)-)?micro",
    "nova-pro": r"nova-(?:(?P<version>\d+)-)?pro",
}


@lru_cache(maxsize=128)
def newest(provider: str, alias: str) -> str | None:
    """The newest model of a line that the provider offers and has not deprecated.

    Newest is the highest version; of two with the same, the later released, then the shorter name.

    Returns:
        Its id; None where the alias is not known or the provider has none of the line.
    """
    pattern = ALIASES.get(alias)
    if pattern is None:
        return None
    found = []
    for name, row in rows_of(provider).items():
        match = re.fullmatch(pattern, canonical(name))
        if match is None or name.startswith("ft:"):
            continue
        id_ = row.id or name
        facts = offline_facts(provider, id_)
        if facts.lifecycle in {"deprecated", "retired"}:
            continue
        version = tuple(int(number) for number in re.findall(r"\d+", match["version"] or "1"))
        found.append(((version, facts.released or "", -len(id_)), id_))
    return max(found)[1] if found else None


def aliases(provider: str) -> dict[str, str]:
    """Every alias that means something at the provider -> the model that it means now."""
    return {alias: model for alias in ALIASES if (model := newest(provider, alias))}
