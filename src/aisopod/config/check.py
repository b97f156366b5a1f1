"""What is wrong with a file's values, and on which line it stands."""

import re
import tomllib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from aisopod.codecs.rules import Rule
from aisopod.config.circles import find_circle
from aisopod.config.schema import Config
from aisopod.types import Secret

__all__ = ["CREDENTIAL_KEYS", "Keys", "Problem", "find_line", "find_problems", "make_secret"]

CREDENTIAL_KEYS = (
    "api_key", "api_key_env", "api_key_file", "api_key_command", "token", "keyring",
)  # fmt: skip

# What must not be shown even when it is of the wrong type.
_HIDDEN = frozenset({"api_key", "token", "headers", "proxy", "state"})

_KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "a table",
    list: "a list",
    Secret: "a text",
}


Keys = tuple[str | int, ...]


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it may be.

    Attributes:
        keys: where, from the outermost table to the key; entries of lists by number.
        reason: what was found and what is allowed.
    """

    keys: Keys
    reason: str


def find_problems(values: dict[str, Any]) -> Iterator[Problem]:
    """Everything that is wrong with a file's values, in the file's order."""
    yield from _problems(values, Config, ())
    providers = values.get("providers")
    for name, table in providers.items() if isinstance(providers, dict) else ():
        if isinstance(table, dict):
            yield from _credential_problems(table, ("providers", name))
            profiles = table.get("profiles")
            for profile, inner in profiles.items() if isinstance(profiles, dict) else ():
                if isinstance(inner, dict):
                    place = ("providers", name, "profiles", profile)
                    yield from _credential_problems(inner, place)
    yield from _circles(values.get("aliases"), values.get("models"))
    network = values.get("network")
    if isinstance(network, dict) and {"client_key", "client_certificate"} & set(network) == {
        "client_key"
    }:
        yield Problem(("network", "client_key"), "it needs client_certificate beside it")


def _circles(aliases: object, models: object) -> Iterator[Problem]:
    if isinstance(aliases, dict):
        chains = {
            name: chain if isinstance(chain, list) else [chain] for name, chain in aliases.items()
        }
        names = {
            name: [each for each in chain if isinstance(each, str)]
            for name, chain in chains.items()
        }
        if circle := find_circle(names):
            reason = f"{' -> '.join(circle)}: this goes in a circle"
            yield Problem(("aliases", circle[0]), reason)
    if isinstance(models, dict):
        likes = {
            name: [table["like"]]
            for name, table in models.items()
            if isinstance(table, dict) and isinstance(table.get("like"), str)
        }
        if circle := find_circle(likes):
            reason = f"{' -> '.join(circle)}: this goes in a circle"
            yield Problem(("models", circle[0], "like"), reason)


def _credential_problems(table: dict[str, Any], keys: Keys) -> Iterator[Problem]:
    named = [key for key in table if key in CREDENTIAL_KEYS and table[key] is not False]
    if len(named) > 1:
        reason = f"a second credential beside {named[0]}: keep one of them"
        yield Problem((*keys, named[1]), reason)


def _problems(value: object, type_: Any, keys: Keys) -> Iterator[Problem]:  # noqa: ANN401
    type_ = _bare(type_)
    if _is_struct(type_):
        yield from _table_problems(value, type_, keys)
        if type_ is Rule and isinstance(value, dict):
            yield from _rule_problems(value, keys)
    elif get_origin(type_) is list and isinstance(value, list) and _is_struct(get_args(type_)[0]):
        for number, entry in enumerate(value):
            yield from _problems(entry, get_args(type_)[0], (*keys, number))
        yield from _twins(value, keys)
    elif get_origin(type_) is dict:
        yield from _map_problems(value, type_, keys)
    elif not _fits(value, type_):
        found = f"found {_shown(value, keys)}, allowed is {_allowed(type_)}"
        yield Problem(keys, found + _nearest(value, type_))


def _is_struct(type_: Any) -> bool:  # noqa: ANN401
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _nearest(value: object, type_: Any) -> str:  # noqa: ANN401
    """The choice that was probably meant."""
    if get_origin(type_) is not Literal or not isinstance(value, str):
        return ""
    from difflib import get_close_matches

    near = get_close_matches(value.lower(), get_args(type_), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _rule_problems(rule: dict[str, Any], keys: Keys) -> Iterator[Problem]:
    """What only a rule can have wrong: its patterns, and that it says what it is for."""
    header = rule.get("header")
    patterns: dict[Keys, object] = {("text",): rule.get("text")}
    for name, pattern in header.items() if isinstance(header, dict) else ():
        patterns["header", name] = pattern
    for path, pattern in patterns.items():
        try:
            re.compile(pattern if isinstance(pattern, str) else "")
        except re.error as error:
            yield Problem((*keys, *path), f"this is no regular expression: {error}")
    if not any(rule.get(name) for name in ("status", "codes", "header", "text")):
        reason = "it would match every error: name one of status, codes, header and text"
        yield Problem(keys, reason)


def _twins(rules: list[Any], keys: Keys) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, rule in enumerate(rules):
        name = rule.get("id") if isinstance(rule, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield Problem((*keys, number, "id"), f"there is another rule {name!r} before it")
            seen.add(name)


def _table_problems(value: object, struct: type[msgspec.Struct], keys: Keys) -> Iterator[Problem]:
    fields = _fields(struct)
    if not isinstance(value, dict):
        yield Problem(keys, f"found {_shown(value, keys)}, allowed is a table")
        return
    for key, inner in value.items():
        if key in fields:
            yield from _problems(inner, fields[key], (*keys, key))
        else:
            # The value is not shown: a key in the wrong place is still a key.
            from difflib import get_close_matches

            near = get_close_matches(key, fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            reason = f"there is no such key; {hint}Allowed are {', '.join(sorted(fields))}"
            yield Problem((*keys, key), reason)
    for field in msgspec.structs.fields(struct):
        if field.required and field.name not in value:
            yield Problem(keys, f"{field.name} is missing")


def _map_problems(value: object, type_: Any, keys: Keys) -> Iterator[Problem]:  # noqa: ANN401
    if not isinstance(value, dict):
        yield Problem(keys, f"found {_shown(value, keys)}, allowed is a table")
        return
    key_type, value_type = get_args(type_)
    for key, inner in value.items():
        if not _fits(key, key_type):
            yield Problem((*keys, key), f"found this name, allowed is {_allowed(key_type)}")
        else:
            yield from _problems(inner, value_type, (*keys, key))


def _fields(struct: type[msgspec.Struct]) -> dict[str, Any]:
    # `sources` tells of the files; they do not set it.
    fields = msgspec.structs.fields(struct)
    return {field.name: field.type for field in fields if field.name != "sources"}


def _bare(type_: Any) -> Any:  # noqa: ANN401
    """The type without `| None`: TOML has no null."""
    if get_origin(type_) in {Union, UnionType}:
        return next(arg for arg in get_args(type_) if arg is not type(None))
    return type_


def _fits(value: object, type_: Any) -> bool:  # noqa: ANN401
    try:
        msgspec.convert(value, type_, dec_hook=make_secret)
    except msgspec.ValidationError:
        return False
    return True


def _shown(value: object, keys: Keys) -> str:
    # In a provider's own place someone may have put the bare key.
    hidden = bool(_HIDDEN & set(keys)) or (keys[:1] == ("providers",) and len(keys) == 2)
    if value == []:
        return "an empty list"
    if hidden or isinstance(value, dict | list):
        return _KINDS.get(type(value), "a date")
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str | int | float) else "a date"


def _allowed(type_: Any) -> str:  # noqa: ANN401
    match get_origin(type_):
        case origin if origin is Annotated:
            meta = get_args(type_)[1]
            return str(meta.description)
        case origin if origin is Literal:
            return " or ".join(repr(choice) for choice in get_args(type_))
        case origin if origin is list:
            return "a list of tables" if _is_struct(get_args(type_)[0]) else "a list of texts"
    return _KINDS.get(type_, "something else")


def make_secret(type_: type, value: object) -> object:
    """Make what msgspec cannot: its hook for the one type that it does not know."""
    if type_ is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"expected a text, found {type(value).__name__}")


def find_line(text: str, keys: Keys) -> int:
    """The line where a key stands, which tomllib does not tell.

    Lines from the top are valid TOML wherever no value is open, and a key that they hold stays
    in what follows. So the statement that brings the key is found by halving, for every way in
    which TOML can write it: tables, dotted and quoted keys, inline tables, multi-line values.
    """
    # Not `splitlines`: TOML and editors know one line end, and a text may hold the others.
    lines = text.split("\n")
    before, after = 0, len(lines)
    while after - before > 1:
        middle = (before + after) // 2
        values, _ = _parsed(lines, middle)
        if _holds(values, keys):
            after = middle
        else:
            before = middle
    _, complete = _parsed(lines, after - 1)
    return complete + 1


def _parsed(lines: list[str], count: int) -> tuple[dict[str, Any], int]:
    """The values of the first `count` lines, or of fewer where a value is still open."""
    while count > 0:
        try:
            return tomllib.loads("\n".join(lines[:count])), count
        except tomllib.TOMLDecodeError:
            count -= 1
    return {}, 0


def _holds(values: Any, keys: Keys) -> bool:  # noqa: ANN401
    for key in keys:
        if isinstance(key, int):
            if not isinstance(values, list) or len(values) <= key:
                return False
        elif not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True
