"""One line of a table of families."""

import msgspec

from aisopod.catalogue.facts import Facts, Source

__all__ = ["Rule"]


class Rule(msgspec.Struct, frozen=True):
    """What models of a family have in common.

    Attributes:
        beginning: of the model's canonical name; ends where a part of the name ends.
        facts: what holds for them.
        source: where that is written, and when it was read there.
        exact: whether only this very name is meant: a claude-opus-4-9 is no Opus 4.
    """

    beginning: str
    facts: Facts
    source: Source
    exact: bool = False

    def holds_for(self, name: str) -> bool:
        """Whether the rule is about the model of this name."""
        if self.exact or name == self.beginning:
            return name == self.beginning
        if not name.startswith(self.beginning):
            return False
        # gpt-5 is the beginning of gpt-5-mini and not of gpt-50; gpt-5. is that of gpt-5.9.
        return not (self.beginning[-1].isalnum() and name[len(self.beginning)].isalnum())
