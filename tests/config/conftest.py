"""A machine of one's own: a home without configuration, and an empty project in it."""

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    return folder


@pytest.fixture
def project(home: Path) -> Path:
    folder = home / "code" / "project"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def user_config(home: Path) -> Path:
    from aisopod.config import user_file

    file = user_file()
    assert home in file.parents
    file.parent.mkdir(parents=True)
    return file
