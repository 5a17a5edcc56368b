"""The command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.flags import flag_help, flags
from filewarden.config.load import Loaded

Load = Callable[..., Loaded]
Refuse = Callable[..., str]


def test_the_flags_are_those_of_the_design() -> None:
    assert set(flags()) == {
        "--root", "--config", "--http", "--host", "--port", "--workers", "--allow-write", "--auth", "--sandbox",
        "--status", "--log-level", "--log-format", "--profile",
    }  # fmt: skip


def test_the_help_explains_every_flag_with_bounds_and_default() -> None:
    text = flag_help(80)
    for flag in flags().values():
        assert f"  {flag.name} {flag.metavar}".rstrip() in text
    assert "0 to 65535; default 8765" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_roots_add_up_in_their_order(loaded: Load, tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
    words = [f"{tmp_path}/a", "--root", f"{tmp_path}/b", f"--root={tmp_path}/c", f"{tmp_path}/d"]
    assert [root.name for root in loaded(*words, rootless=True).settings.roots] == ["a", "b", "c", "d"]


def test_two_dashes_end_the_flags(loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "--http").mkdir()
    monkeypatch.chdir(tmp_path)
    found = loaded("--", "--http", rootless=True)
    assert found.settings.roots[0].path == str(tmp_path / "--http")
    assert not found.settings.http.enabled


def test_the_last_of_a_flag_given_twice_counts(loaded: Load) -> None:
    assert loaded("--port", "1", "--port=2").settings.http.port == 2


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--hlep"], '--hlep (command line): unknown flag; did you mean "--help"?'),
        (["--workrs", "8"], '--workrs (command line): unknown flag; did you mean "--workers"?'),
        (["--prot", "8"], '--prot (command line): unknown flag; did you mean "--port"?'),
        (["--set"], "--set (command line): unknown flag; `filewarden serve --help` lists all"),
        (["--zzzzzzzz"], "--zzzzzzzz (command line): unknown flag"),
        (["-p"], "-p (command line): unknown flag"),
        (["--http=true"], "--http (command line): takes no value"),
        (["--allow-write=yes"], "--allow-write (command line): takes no value"),
        (["--port"], "--port (command line): needs a value: --port N"),
        (["--port", "--http"], "--port (command line): needs a value: --port N"),
        (["--port", "-5"], "http.port = -5 (--port): must be at least 0"),
        (["--config="], "--config (command line): needs the name of a file"),
        (["--root="], "is empty: name a folder"),
        ([""], "is empty: name a folder"),
    ],
)
def test_faults_are_named(words: list[str], part: str, refused: Refuse) -> None:
    assert part in refused(*words)


def test_a_flag_after_a_missing_value_still_counts(refused: Refuse) -> None:
    assert "must be at most 64" in refused("--host", "--workers", "99")


def test_the_value_of_a_flag_with_a_mistake_in_it_is_no_folder(refused: Refuse) -> None:
    assert "1 problem\n" in refused("--prot", "8")
    assert "2 problems\n" in refused("--prot", "--workers", "99")
    assert "nowhere" in refused("--prot=8", "nowhere")
    assert "nowhere" in refused("--alow-write", "nowhere")
