"""Writes the tables of rules into docs/errors.md: `python tests/support/error_table.py`."""

from collections.abc import Iterator
from pathlib import Path

from aisopod.codecs.anthropic_messages.rules import RULES as ANTHROPIC
from aisopod.codecs.bedrock_converse.rules import RULES as BEDROCK
from aisopod.codecs.gemini_generate.rules import RULES as GEMINI
from aisopod.codecs.ollama_chat.rules import RULES as OLLAMA
from aisopod.codecs.openai_chat.rules import RULES as OPENAI
from aisopod.codecs.rules import CLASSES, Rule

__all__ = ["MARK", "PAGE", "render"]

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
MARK = "<!-- below: python tests/support/error_table.py -->\n"

_DIALECTS = {
    "Anthropic": ANTHROPIC,
    "OpenAI, and the services that speak its dialect": OPENAI,
    "Gemini and Vertex AI": GEMINI,
    "Bedrock": BEDROCK,
    "Ollama": OLLAMA,
}


def render() -> str:
    """A table for each dialect."""
    return "\n".join(line for name, rules in _DIALECTS.items() for line in _table(name, rules))


def _table(name: str, rules: tuple[Rule, ...]) -> Iterator[str]:
    yield f"\n### {name}\n"
    yield "| rule | error | when | |"
    yield "|---|---|---|---|"
    for rule in rules:
        error = f"`{CLASSES[rule.error].__name__}`"
        if rule.scope is not None:
            error += f", of the {rule.scope}"
        yield f"| `{rule.id}` | {error} | {_when(rule)} | [source]({rule.source}) |"


def _when(rule: Rule) -> str:
    texts = [rule.text] if rule.text else []
    named = {
        "status": [str(status) for status in rule.status],
        "code": [f"`{code}`" for code in rule.codes],
        "header": [f"`{name}: {_cell(value)}`" for name, value in rule.header.items()],
        "text": [f"`{_cell(text)}`" for text in texts],
    }
    parts = [f"{name} {', '.join(found)}" for name, found in named.items() if found]
    return "; ".join(parts) or "anything else"


def _cell(pattern: str) -> str:
    return pattern.replace("|", "\\|")


if __name__ == "__main__":
    head, mark, _ = PAGE.read_text().partition(MARK)
    assert mark, f"{PAGE} has no mark"
    PAGE.write_text(head + MARK + render() + "\n")
