"""The table of rules is what the code does, and what the page shows. `python tests/normalise/test_table.py`
writes it."""

import re
import sys
from pathlib import Path

from aisopod import attachments, normalise
from aisopod.normalise.table import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "normalisation.md"
ROOMS = [Path(str(room.__file__)).parent for room in (normalise, attachments)]
_TABLE = re.compile(r"(?<=<!-- rules -->\n).*?(?=<!-- end -->)", re.DOTALL)


def rows() -> str:
    lines = ["| rule | where | finds | does |", "|---|---|---|---|"]
    lines += [
        f"| {f'`{each.id}`' if each.id else 'silent'} | {each.where} | [{each.when}]({each.source}) "
        f"| {each.does} |"
        for each in TABLE
    ]
    return "\n".join(lines) + "\n"


def test_the_page_shows_the_table() -> None:
    found = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == rows()


def test_the_table_holds_every_warning_of_the_rooms() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for room in ROOMS for path in room.glob("*.py")
    )
    given = set(re.findall(r'warn\(\s*"([a-z_]+)"', source))
    given |= set(re.findall(r'"([a-z]+_thinking|foreign_[a-z]+)", ?(?:f?")?', source))
    given |= set(re.findall(r'"(image_[a-z]+)"', source))
    given |= set(re.findall(r'_tell\(notes, "([a-z_]+)"', source))
    given |= {"tool_media", "assistant_media"}
    given -= {"unsupported_parameter", "foreign_thinking_"}
    assert {each.id for each in TABLE if each.id} == given


if __name__ == "__main__":
    page = _TABLE.sub(lambda _: rows(), PAGE.read_text(encoding="utf-8"))
    sys.exit(0 if PAGE.write_text(page, encoding="utf-8") else 1)
