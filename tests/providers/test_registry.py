"""Where providers are found: here, and in what else is installed."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aisopod.config import Config, usable_providers
from aisopod.providers import registry
from aisopod.providers.host import Host

MODULE = """
from aisopod.providers.host import Host

host = Host(id="elsewhere", name="Elsewhere", dialect="openai_chat", base_url="https://a.test/v1",
            chat_path="/chat/completions", key_variables=("ELSEWHERE_API_KEY",))
"""
FILES = {
    "elsewhere_plugin.py": MODULE,
    "elsewhere-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n",
    "elsewhere-1.0.dist-info/entry_points.txt": (
        "[aisopod.providers]\nelsewhere = elsewhere_plugin:host\n"
    ),
}


def folder(at: Path) -> Path:
    for name, text in FILES.items():
        (at / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (at / "site" / name).write_text(text)
    return at / "site"


def archive(at: Path) -> Path:
    with zipfile.ZipFile(at / "site.zip", "w") as made:
        for name, text in FILES.items():
            made.writestr(name, text)
    return at / "site.zip"


@pytest.mark.parametrize("installed", [folder, archive], ids=["folder", "archive"])
def test_a_host_that_something_installed_brings(
    installed: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "elsewhere" not in registry.names()
    monkeypatch.syspath_prepend(str(installed(tmp_path)))
    monkeypatch.setenv("ELSEWHERE_API_KEY", "sk-elsewhere-0123456789")
    assert "elsewhere" in registry.names()
    found = registry.find("elsewhere")
    assert isinstance(found, Host)
    assert found.codec.dialect == "openai_chat"
    assert "elsewhere" in usable_providers(Config())
