import sys
from pathlib import Path

import pytest

from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.plugins.loading import place_of, with_plugins
from filewarden.workers.plugins.refusal import PluginError

ONE = '''
from filewarden.workers.plugins.api import tool

@tool
def {name}() -> int:
    """Give one."""
    return 1
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(ONE.format(name="one"))
    return path


def test_tools_of_a_file_stand_behind_the_built_in_ones(plugin: Path) -> None:
    names = [tool.name for tool in with_plugins(CATALOGUE, [str(plugin)])]
    assert names == [*(tool.name for tool in CATALOGUE), "one"]


def test_a_module_and_an_entry_point_are_found(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    information = tmp_path / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[filewarden.tools]\nmine = own\n")
    for name in ("own", "mine"):
        monkeypatch.delitem(sys.modules, "own", raising=False)
        assert with_plugins(CATALOGUE, [name]).find("one") is not None
        assert place_of(name) == str(plugin)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import nowhere_to_be_found", "no module 'nowhere_to_be_found'"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("x = 1", "no tools"),
        (ONE.format(name="read_file"), "a tool 'read_file' already"),
        (ONE.format(name="list_dir") + ONE.format(name="Bad"), "Bad cannot be a tool"),
    ],
)
def test_a_bad_plugin_is_refused_with_the_reason(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(PluginError, match=sentence) as refused:
        with_plugins(CATALOGUE, [str(path)])
    assert refused.value.name == str(path)


@pytest.mark.parametrize("name", ["nowhere_to_be_found", "nowhere.at.all", "/nowhere/x.py", "x.py"])
def test_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match=r"no module|no such file|absolute"):
        with_plugins(CATALOGUE, [name])


def test_the_place_of_a_plugin_is_found_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "loud_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it ran')")
    (package / "inner.py").write_text("raise SystemExit('it ran')")
    assert place_of("loud_package.inner") == str(package / "__init__.py")
