"""Precedence, agreement between settings, and all problems at once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.config.load import Loaded, load

Load = Callable[..., Loaded]
Refuse = Callable[..., str]

NOT_AT_START = (
    "argparse asyncio base64 ctypes dataclasses difflib hashlib json logging pathlib pwd secrets shutil subprocess "
    "tempfile textwrap tomllib"
)


def test_loading_without_a_file_imports_nothing_slow(project: Path, home: Path) -> None:
    program = (
        "import sys, msgspec\n"
        "before = set(sys.modules)\n"
        "from filewarden.config.load import load\n"
        "load([sys.argv[1], '--workers', '3'], {'HOME': sys.argv[2], 'FILEWARDEN_LOG_LEVEL': 'debug'})\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    command = [sys.executable, "-I", "-c", program, str(project), str(home)]
    imported = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    assert "filewarden.config.load" in imported
    assert set(imported).isdisjoint(NOT_AT_START.split())


def test_the_strongest_source_wins_and_the_others_fill_in(loaded: Load) -> None:
    text = "[pool]\nworkers = 5\nspares = 3\nwrite_workers = 3\n"
    found = loaded("--workers", "7", text=text, FILEWARDEN_POOL_WORKERS="6", FILEWARDEN_POOL_SPARES="4")
    assert (found.settings.pool.workers, found.settings.pool.spares, found.settings.pool.write_workers) == (7, 4, 3)
    assert found.origins["pool.workers"] == "--workers"
    assert found.origins["pool.spares"] == "FILEWARDEN_POOL_SPARES"
    assert found.origins["pool.write_workers"] == found.file
    assert found.origins["pool.drain_s"] == "default"


def test_every_problem_of_every_source_is_reported_together(refused: Refuse) -> None:
    text = refused(
        "--wrkers=1", "/does/not/exist", text="[http]\nhots = 1\n[pool]\nspares = 99\n", FILEWARDEN_POOL_WORKERS="0"
    )
    assert text.splitlines()[0] == "config error: 5 problems"
    for part in ('did you mean "host"?', "at most 16", "at least 1", 'did you mean "--workers"?', "does not exist"):
        assert part in text


def test_a_wrong_value_is_reported_though_a_stronger_source_overrides_it(refused: Refuse) -> None:
    assert "(FILEWARDEN_HTTP_PORT): must be at most 65535" in refused("--port", "80", FILEWARDEN_HTTP_PORT="99999")


def test_without_any_root_the_next_step_is_named(refused: Refuse) -> None:
    text = refused(rootless=True)
    for part in ("filewarden serve DIR", "MCP_ROOT", "[[roots]]"):
        assert part in text


@pytest.mark.parametrize("text", ["", "# nothing\n", "roots = []\n"])
def test_a_file_without_roots_names_none(text: str, refused: Refuse) -> None:
    assert "no folder to serve" in refused(text=text, rootless=True)


@pytest.mark.parametrize("text", ["roots = [", "[[roots]]\npath = /srv\n"])
def test_a_file_that_cannot_be_read_is_not_said_to_name_no_root(text: str, refused: Refuse) -> None:
    said = refused(text=text, rootless=True)
    assert said.splitlines()[0] == "config error: 1 problem"
    assert "no valid TOML" in said


def test_a_file_that_is_not_there_is_the_only_problem(refused: Refuse, tmp_path: Path) -> None:
    said = refused("--config", str(tmp_path / "absent.toml"), rootless=True)
    assert "no folder to serve" not in said
    assert "does not exist" in said


def test_a_broken_root_does_not_count_as_none(refused: Refuse) -> None:
    assert "no folder to serve" not in refused(text="[[roots]]\npath = 3\n", rootless=True)


def test_roots_of_a_stronger_source_replace_those_of_weaker_ones(loaded: Load, tmp_path: Path) -> None:
    for name in ("file", "first", "second", "flag"):
        (tmp_path / name).mkdir()
    text = '[[roots]]\npath = "file"\n'
    variable = f"{tmp_path}/first:{tmp_path}/second"

    def names(*arguments: str, **environ: str) -> list[str]:
        return [root.name for root in loaded(*arguments, text=text, rootless=True, **environ).settings.roots]

    assert names() == ["file"]
    assert names(MCP_ROOT=variable) == ["first", "second"]
    assert names(f"{tmp_path}/flag", MCP_ROOT=variable) == ["flag"]


def test_allow_write_makes_every_root_writable(loaded: Load) -> None:
    found = loaded("--allow-write", text='[[roots]]\npath = "project"\nmode = "ro"\n', rootless=True)
    assert found.settings.roots[0].mode == "rw"
    assert found.origins["roots.0.mode"] == "--allow-write"
    assert found.origins["roots.0.path"] == found.file


def test_scan_workers_follow_the_workers_unless_given(loaded: Load) -> None:
    assert loaded("--workers", "2").settings.pool.scan_workers == 1
    assert loaded("--workers", "9", FILEWARDEN_POOL_SCAN_WORKERS="8").settings.pool.scan_workers == 8


def test_one_worker_has_no_scan_workers_and_says_so(loaded: Load) -> None:
    found = loaded("--workers", "1")
    assert found.settings.pool.scan_workers == 0
    assert any("scan tools are absent" in warning for warning in found.warnings)
    assert loaded("--workers", "1", FILEWARDEN_POOL_SCAN_WORKERS="0").settings.pool.scan_workers == 0


@pytest.mark.parametrize(("workers", "scans"), [("1", "1"), ("2", "2"), ("4", "63")])
def test_more_scan_workers_than_workers_less_one_are_refused(workers: str, scans: str, refused: Refuse) -> None:
    text = refused("--workers", workers, FILEWARDEN_POOL_SCAN_WORKERS=scans)
    assert f"pool.scan_workers = {scans} (FILEWARDEN_POOL_SCAN_WORKERS): must be at most {int(workers) - 1}" in text


def test_agreement_is_not_checked_with_a_value_that_is_wrong_itself(refused: Refuse) -> None:
    assert "1 problem" in refused("--workers", "99", FILEWARDEN_POOL_SCAN_WORKERS="60")
    assert "1 problem" in refused("--auth", "nobody", "--host", "0.0.0.0")


def test_the_users_own_file_is_read_when_it_exists(home: Path, project: Path, tmp_path: Path) -> None:
    for folder, environ in (
        (home / ".config", {"HOME": str(home)}),
        (tmp_path / "xdg", {"HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}),
    ):
        file = folder / "filewarden" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(f'[[roots]]\npath = "{project}"\n[pool]\nspares = 2\n')
        found = load([], environ)
        assert found.file == str(file)
        assert found.origins["pool.spares"] == str(file)


def test_the_home_that_is_handed_in_decides(home: Path, project: Path) -> None:
    assert load(["--root", str(project)], {"HOME": "/nonexistent"}, home=str(home)).file is None
    folder = home / ".config" / "filewarden"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('[[roots]]\npath = "~/x"\n')
    (home / "x").mkdir()
    assert load([], {"HOME": "/nonexistent"}, home=str(home)).settings.roots[0].name == "x"


def test_a_file_in_the_working_folder_is_never_read(home: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config.toml", "filewarden.toml", ".config/filewarden/config.toml", "filewarden/config.toml"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("broken")
    monkeypatch.chdir(project)
    assert load(["."], {"HOME": str(home), "XDG_CONFIG_HOME": "."}).file is None


def test_a_named_file_replaces_the_users_own(home: Path, loaded: Load) -> None:
    own = home / ".config" / "filewarden" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text("broken")
    assert loaded(text="[pool]\nspares = 2\n").settings.pool.spares == 2


def test_origins_cover_every_setting_and_root(loaded: Load) -> None:
    found = loaded()
    assert {"roots.0.path", "roots.0.name", "roots.0.mode", "roots.0.deny", "log.file"} <= set(found.origins)
    assert found.origins["roots.0.path"] == "command line"


def test_in_a_deleted_working_folder_relative_names_do_not_exist(
    shared_folder: Path, unprivileged: Callable[[Callable[[], bool]], bool]
) -> None:
    shared_folder.chmod(0o777)

    def holds() -> bool:
        (shared_folder / "gone").mkdir()
        os.chdir(shared_folder / "gone")
        (shared_folder / "gone").rmdir()
        environ = {"HOME": "/nonexistent", "FILEWARDEN_LOG_FILE": "/log"}
        load(["/usr"], environ)
        load([], {**environ, "MCP_ROOT": "/usr"})
        for words in (["."], ["x"], ["/usr", "--config", "x"]):
            with pytest.raises(ConfigError, match="does not exist"):
                load(words, environ)
        return True

    assert unprivileged(holds)
