"""JSON schemas of tools to what the server keeps of them: the rest is dropped when it reads them.

Source: `ToolFunctionParameters` and `ToolProperty` in
https://github.com/ollama/ollama/blob/main/api/types.go; `items` is kept as it is.
"""

from collections.abc import Callable
from typing import Any

from aisopod.normalise.references import pointed

__all__ = ["tool_schema"]

Schema = dict[str, Any]

_KEPT = frozenset({"type", "description", "enum", "required", "properties", "items", "anyOf"})
# What says nothing of the value, or only where definitions are that stand in their place here.
_REMARKS = frozenset({"$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "title",
                      "deprecated", "readOnly", "writeOnly", "examples"})  # fmt: skip

Lost = Callable[[str, str], None]


def tool_schema(schema: Schema, path: str, lost: Lost) -> Schema:
    """A tool's parameters with what they refer to in its place, of the keywords that are kept.

    Args:
        schema: what the user gave; it is not changed.
        path: where it stands.
        lost: told the path and the keyword of what the server would drop without a word.
    """
    return _Reduction(schema, lost).kept(schema, path, ())


class _Reduction:
    """One schema on its way to the server's keywords."""

    def __init__(self, root: Schema, lost: Lost) -> None:
        self._root = root
        self._lost = lost

    def kept(self, schema: Schema, path: str, open_: tuple[str, ...]) -> Schema:
        schema, open_ = self._in_place(schema, path, open_)
        if "const" in schema:
            schema = {"enum": [schema["const"]], **schema}
        if "oneOf" in schema:
            schema = {"anyOf": schema["oneOf"], **schema}
        found: Schema = {}
        for name, value in schema.items():
            if name in _KEPT:
                found[name] = self._value(name, value, f"{path}.{name}", open_)
            elif not (name in _REMARKS or name in {"const", "oneOf"} or value is False):
                self._lost(path, name)
        return found

    def _value(self, name: str, value: Any, path: str, open_: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
        if name == "properties" and isinstance(value, dict):
            return {
                key: self.kept(each, f"{path}.{key}", open_) if isinstance(each, dict) else {}
                for key, each in value.items()
            }
        if name == "anyOf" and isinstance(value, list):
            return [
                self.kept(each, f"{path}[{at}]", open_) if isinstance(each, dict) else {}
                for at, each in enumerate(value)
            ]
        return self._whole(value, path, open_) if name == "items" else value

    def _whole(self, value: Any, path: str, open_: tuple[str, ...]) -> Any:  # noqa: ANN401 - the same
        """Whatever stands in `items`, with references in place."""
        if isinstance(value, list):
            return [self._whole(each, path, open_) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            value, open_ = self._in_place(value, path, open_)
        return {name: self._whole(each, path, open_) for name, each in value.items()}

    def _in_place(
        self, schema: Schema, path: str, open_: tuple[str, ...]
    ) -> tuple[Schema, tuple[str, ...]]:
        """A schema with what it refers to, and `allOf`, as words of its own."""
        parts = [each for each in schema.get("allOf") or () if isinstance(each, dict)]
        if "$ref" in schema:
            parts.insert(0, {"$ref": schema["$ref"]})
        made = {name: value for name, value in schema.items() if name not in {"allOf", "$ref"}}
        for part in parts:
            reference = part.get("$ref")
            if reference is not None:
                target = None if reference in open_ else pointed(reference, self._root)
                if target is None:  # a schema in itself has no end here
                    self._lost(path, "$ref")
                    target = {}
                else:
                    open_ = (*open_, reference)
                part = {**target, **{k: v for k, v in part.items() if k != "$ref"}}  # noqa: PLW2901
            inner, open_ = self._in_place(part, path, open_)
            made = _joined(made, inner)
        return made, open_


def _joined(one: Schema, other: Schema) -> Schema:
    """Two schemas that both hold; what the first says goes before."""
    both = {**other, **one}
    if "properties" in one and "properties" in other:
        both["properties"] = {**other["properties"], **one["properties"]}
    if "required" in one and "required" in other:
        both["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return both
