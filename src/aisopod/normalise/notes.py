"""Gathers what could not be carried, by the one policy for that."""

from typing import Any

from aisopod.errors import UnsupportedFeatureError
from aisopod.normalise.target import Target
from aisopod.types import OpaqueTool, ResponseWarning, WarningAction

__all__ = ["Notes"]


class Notes:
    """What is told of one request.

    Attributes:
        target: whom the request is for.
        warnings: what was changed or left out.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.warnings: list[ResponseWarning] = []

    def unsupported(self, field: str, value: object, why: str, remedy: str) -> None:
        """A parameter that the target does not take: refused, or left out with a warning.

        Raises:
            UnsupportedFeatureError: the policy is `error`.
        """
        if self.target.on_unsupported == "error":
            raise UnsupportedFeatureError(
                f"{why} ({self.target.provider}/{self.target.model})",
                field=field,
                value=value,
                remedy=f'{remedy}, or set on_unsupported="drop"',
            )
        self.warn(
            "unsupported_parameter", f"left out {field}: {why}", field=field, action="left_out"
        )

    def refuse(self, field: str, value: object, why: str, remedy: str) -> None:
        """Content that cannot be carried without losing what the user said: always refused.

        Raises:
            UnsupportedFeatureError: always.
        """
        raise UnsupportedFeatureError(
            f"{why} ({self.target.provider}/{self.target.model})",
            field=field,
            value=value,
            remedy=remedy,
        )

    def own_tool(self, tool: OpaqueTool, path: str) -> dict[str, Any]:
        """The entry of a provider's own tool.

        Raises:
            UnsupportedFeatureError: it is another provider's.
        """
        if tool.provider != self.target.provider:
            self.refuse(path, tool.provider, "this is another provider's tool", "Leave it out")
        return tool.data

    def schema(self, path: str, what: str) -> None:
        """A schema had to be changed."""
        self.warn("schema", what, field=path)

    def lost_keywords(self, lost: list[tuple[str, str]]) -> None:
        """Keywords of a schema that the wire has not, with their places: each is told once."""
        places: dict[str, list[str]] = {}
        for place, keyword in lost:
            places.setdefault(keyword, []).append(place)
        for keyword, found in places.items():
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            said = f"left out {keyword} of {found[0]}{more}: the wire does not take it"
            self.warn("schema", said, field=found[0])

    def warn(
        self,
        rule: str,
        message: str,
        *,
        index: int | None = None,
        part: int | None = None,
        field: str | None = None,
        action: WarningAction = "changed",
    ) -> None:
        """Something was changed or left out."""
        self.warnings.append(
            ResponseWarning(
                rule=rule,
                message=message,
                message_index=index,
                part_index=part,
                field=field,
                action=action,
            )
        )
