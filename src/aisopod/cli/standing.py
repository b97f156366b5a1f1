"""How a profile stands, for people."""

import click

from aisopod import ProfileState
from aisopod.cli.text import visible
from aisopod.routing.refusal import moment, remedy_for

__all__ = ["told_state", "word_for"]

_COLOURS = {"healthy": "green", "cooling": "yellow", "recovering": "yellow"}


def word_for(state: ProfileState) -> str:
    """One word: `healthy`, `cooling`, `recovering`, `disabled` or `unusable`."""
    match state.state:
        case "ready":
            return "healthy"
        case "probe" | "probing":
            return "recovering"
        case "unusable":
            return "unusable"
        case _:
            return "disabled" if state.reason in {"auth", "billing"} else "cooling"


def told_state(state: ProfileState, now: float, *, colour: bool, mark: str = "") -> str:
    """A line, and what can be done below it.

    Args:
        state: how it stands.
        now: seconds since the epoch.
        colour: whether the terminal takes colour.
        mark: put before the line.
    """
    word = word_for(state)
    shown = f"{word:<10}"
    if colour:
        shown = click.style(shown, fg=_COLOURS.get(word, "red"))
    line = f"{mark}{state.profile:<28}  {shown}"
    facts = [state.model] if state.model else []
    if state.state == "out" and state.until is not None:
        facts.append(f"{state.subject} is out for {state.reason}")
        facts.append(f"back {moment(state.until, now)}")
    elif state.state == "probe":
        facts.append(f"it was out for {state.reason}; the next request tries it")
    elif state.state == "probing":
        facts.append(f"it was out for {state.reason}; a request is trying it now")
    elif state.state == "unusable":
        facts.append(state.reason)
    facts += [f"rule {state.rule}"] if state.rule else []
    line = (line + "  " + visible(", ".join(facts))).rstrip()
    said = [f'said: "{state.message}"'] if state.message else []
    remedy = remedy_for(state)
    said += [f"remedy: {remedy}"] if remedy else []
    return "\n".join([line, *(f"{'':<{len(mark) + 30}}{visible(each)}" for each in said)])
