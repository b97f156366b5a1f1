"""The snapshot's file: written as its builder writes it, and, with the network, from what it says."""

import importlib.util
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod.catalogue.facts import Facts
from aisopod.catalogue.snapshot import load

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_catalogue.py"


def builder() -> Any:
    spec = importlib.util.spec_from_file_location("build_catalogue", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_what_its_own_rows_make() -> None:
    script = builder()
    text = script.FILE.read_text()
    tables = msgspec.json.decode(text)["models"]
    assert text == script.written(
        {name: dict(sorted(rows.items())) for name, rows in tables.items()}
    )


def test_its_sources_are_the_pinned_ones() -> None:
    pins = {pin.key: (pin.told, pin.as_of) for pin in builder().PINS}
    assert {key: (source.name, source.as_of) for key, source in load().sources.items()} == pins
    assert all(date.fromisoformat(as_of) for _, as_of in pins.values())


def test_every_row_says_something_and_who_says_it() -> None:
    for rows in load().models.values():
        for name, row in rows.items():
            assert row.given, name
            assert row.given.keys() <= load().sources.keys(), name
            assert all(facts != Facts() for facts in row.given.values()), name


@pytest.mark.real
@pytest.mark.timeout(180)
def test_it_is_what_the_data_sets_make() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
