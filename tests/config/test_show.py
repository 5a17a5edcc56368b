"""Showing settings with their origins."""

import json
from collections.abc import Callable
from pathlib import Path

from filewarden.config.load import Loaded
from filewarden.config.options import options, root_options
from filewarden.config.protected import CODE_EXECUTION
from filewarden.config.show import show, show_json

Load = Callable[..., Loaded]


def test_every_setting_stands_with_value_and_origin_in_columns(loaded: Load, project: Path) -> None:
    text = show(loaded("--port", "80", FILEWARDEN_POOL_SPARES="2"))
    rows = [line for line in text.splitlines() if " = " in line]
    assert len(rows) == len(options()) + len(root_options())
    assert len({row.index(" = ") for row in rows}) == 1
    words = [row.split() for row in rows]
    assert ["path", "=", f'"{project}"', "command", "line"] in words
    assert ["port", "=", "80", "--port"] in words
    assert ["spares", "=", "2", "FILEWARDEN_POOL_SPARES"] in words
    assert ["queue", "=", "256", "default"] in words
    assert text.index("[[roots]]") < text.index("[pool]") < text.index("[http]") < text.index("[log]")


def test_warnings_and_the_file_are_shown(loaded: Load) -> None:
    found = loaded("--sandbox", "off", text="")
    assert found.file is not None
    assert show(found).startswith(f"configuration file: {found.file}\n")
    assert "\nwarning: sandbox.mode" in show(found)
    assert show(loaded()).startswith("configuration file: none\n")


def test_json_has_the_same(loaded: Load) -> None:
    found = loaded("--workers", "3", FILEWARDEN_DEADLINES_TOOL="read_file=2", FILEWARDEN_HTTP_ALLOWED_HOSTS="a,b")
    answer = json.loads(show_json(found))
    assert set(answer) == {"file", "settings", "warnings"}
    settings = answer["settings"]
    assert settings["pool.workers"] == {"value": 3, "origin": "--workers"}
    assert settings["deadlines.tool"] == {"value": {"read_file": 2.0}, "origin": "FILEWARDEN_DEADLINES_TOOL"}
    assert settings["http.allowed_hosts"]["value"] == ["a", "b"]
    assert set(settings) == set(found.origins)


def test_names_that_would_steer_a_terminal_are_escaped(tmp_path: Path, loaded: Load) -> None:
    (tmp_path / "\x1b[2J\n\U000e0001").mkdir()
    found = loaded(f"{tmp_path}/\x1b[2J\n\U000e0001", rootless=True)
    assert "\x1b" not in show(found) + show_json(found)


def test_a_policy_is_shown_whole(loaded: Load) -> None:
    shown = show(loaded())
    assert all(f'"{glob}"' in shown for glob in CODE_EXECUTION)
