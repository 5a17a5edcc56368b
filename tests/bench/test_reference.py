"""Finding the reference server."""

import os
import shutil
from pathlib import Path

import pytest

from bench.reference import PACKAGE, Missing, find_reference


@pytest.fixture
def only_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PATH with something called node on it and no npm."""
    programs = tmp_path / "bin"
    programs.mkdir()
    shell = shutil.which("sh")
    assert shell is not None
    os.symlink(shell, programs / "node")
    monkeypatch.setenv("PATH", str(programs))
    return str(programs / "node")


def test_without_node_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="apt install nodejs"):
        find_reference(str(tmp_path / "cache"))


@pytest.mark.usefixtures("only_node")
def test_without_npm_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="apt install npm"):
        find_reference(str(tmp_path / "cache"))


def test_an_installed_server_is_found_with_its_version(tmp_path: Path, only_node: str) -> None:
    folder = tmp_path.joinpath("cache", "node_modules", *PACKAGE.split("/"))
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "index.js").touch()
    (folder / "package.json").write_text('{"name": "x", "version": "1.2.3"}')
    found = find_reference(str(tmp_path / "cache"))
    assert (found.node, found.version) == (only_node, "1.2.3")
    assert found.script == str(folder / "dist" / "index.js")
