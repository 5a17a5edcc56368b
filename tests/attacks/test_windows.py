"""Section W: on POSIX these are odd names and nothing more; two leading backslashes are refused everywhere."""

import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="where these names mean something, other answers are right"),
]


@pytest.mark.parametrize("path", ["\\\\host\\share\\x", "\\\\?\\C:\\x", "\\\\.\\C:", "\\\\wsl$\\x", "//host/share"])
def test_w01_w07_network_and_device_paths_are_denied(client: Any, path: str) -> None:
    assert set(client.aim(path).values()) == {"access_denied"}


@pytest.mark.parametrize("path", ["/c/Windows", "/mnt/c/Windows"])
def test_w07_drives_of_other_shells_are_denied(client: Any, path: str) -> None:
    assert set(client.aim(path).values()) == {"access_denied"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("C:\\Windows\\win.ini", id="w01_drive"),
        pytest.param("c:evil", id="w01_relative_drive"),
        pytest.param("a.txt::$DATA", id="w02_stream"),
        pytest.param("a.txt:hidden", id="w02_named_stream"),
        pytest.param("dir::$INDEX_ALLOCATION", id="w02_directory"),
        pytest.param("PROGRA~1", id="w03_short"),
        pytest.param("SECRET~1.TXT", id="w03_short_denied"),
        pytest.param("CON", id="w04_con"),
        pytest.param("NUL", id="w04_nul"),
        pytest.param("COM1", id="w04_com"),
        pytest.param("COM\u00b9", id="w04_superscript"),
        pytest.param("LPT1.txt", id="w04_lpt"),
        pytest.param("CONIN$", id="w04_conin"),
        pytest.param("a.txt.", id="w05_dot"),
        pytest.param("a.txt ", id="w05_space"),
        pytest.param("..\\ ", id="w05_dots_backslash"),
        pytest.param(".. .", id="w05_dots"),
        pytest.param("A.TXT", id="w06_case"),
    ],
)
def test_w01_to_w06_are_literal_names(client: Any, folder: Path, name: str) -> None:
    (folder / "a.txt").write_text("plain")
    path = f"{folder.name}/{name}"
    assert set(client.aim(path).values()) <= {"not_found", "not_a_directory"}
    (folder / name).write_text("literal")
    assert client.text(path) == "literal"
    assert client.text(f"{folder.name}/a.txt") == "plain"


def test_w01_a_drive_is_no_root(client: Any) -> None:
    for path in ("C:\\", "c:/", "C:\\Windows\\win.ini"):
        assert set(client.aim(path).values()) <= {"not_found", "not_a_directory"}
