import os
import site
import sys
from pathlib import Path
from typing import Any

import pytest

from filewarden.broker import launch

HERE = str(Path(os.path.abspath(launch.__file__)).parents[2])


def told(monkeypatch: pytest.MonkeyPatch, path: list[str], of_python: list[str]) -> list[str] | None:
    """Where an isolated interpreter looks when this one looks here; None: where it looks by itself."""
    monkeypatch.setattr(launch, "_INSTALLED_IN", HERE)
    monkeypatch.setattr(sys, "path", path)
    monkeypatch.setattr(site, "getsitepackages", lambda: of_python)
    code = launch.where_to_look()
    if not code:
        return None
    assert code.isascii()
    monkeypatch.setattr(sys, "path", ["what it would have"])
    exec(code, {})  # what the other interpreter runs
    return sys.path


def test_an_isolated_interpreter_is_told_only_what_it_would_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, ["/usr/bin", "/usr/lib", HERE], [HERE]) is None
    assert told(monkeypatch, ["/usr/bin", "/usr/lib"], []) is None, "as where it is edited: found by a hook of Python's"


@pytest.mark.skipif(sys.flags.safe_path, reason="no folder was put first")
def test_it_looks_where_this_one_does_but_for_the_folder_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "/home/añ\udcff'\n"
    assert told(monkeypatch, ["", "/usr/lib", HERE, odd], ["/usr/local"]) == ["/usr/lib", HERE, odd]


@pytest.mark.skipif(sys.flags.safe_path, reason="no folder was put first")
def test_what_imports_pass_over_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    path: list[Any] = ["", HERE, Path("/added/by/a/hook"), b"/bytes", None]
    assert told(monkeypatch, path, []) == [HERE]


def test_without_that_folder_all_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flags:
        safe_path = True

    monkeypatch.setattr(sys, "flags", Flags)
    assert told(monkeypatch, ["/usr/lib", HERE], []) == ["/usr/lib", HERE]
