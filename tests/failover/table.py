"""The table of docs/failover.md, made of the policy's own."""

import re
from pathlib import Path

from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.failover import TABLE, UNMENDED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "failover.md"
SUBJECTS = {
    "profile": "the profile",
    "pair": "the profile, for that model",
    "model": "the model; the provider, when several models fail",
    "provider": "the provider",
    None: "nothing",
}
ACTIONS = {
    "next_profile": "next profile, then next candidate",
    "next_candidate": "next candidate; the same one again after its window",
    "give_up": "raise it",
}


def duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def render() -> str:
    rows = ["| error | is left alone | for | then | because |", "|---|---|---|---|---|"]
    for kind, verdict in TABLE:
        steps = getattr(Cooldowns(), verdict.reason) if verdict.reason else ()
        told = "at least " if verdict.reason in UNMENDED else "as told, else "
        rows.append(
            f"| `{kind.__name__}` | {SUBJECTS[verdict.cools]} | "
            f"{told + ', '.join(duration(step) for step in steps) if steps else ''} | "
            f"{ACTIONS[verdict.action]} | {verdict.why} |"
        )
    return "\n".join(rows)


def renewed(page: str) -> str:
    return re.sub(
        r"(<!-- table: .*? -->\n).*?(<!-- /table -->)",
        lambda found: f"{found[1]}\n{render()}\n\n{found[2]}",
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
