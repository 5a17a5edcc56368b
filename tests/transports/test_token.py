import os
import re
from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.transports.token import read_or_create_token, token_path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_or_create_token(str(path))
    return str(caught.value)


def test_a_token_is_created_once_and_read_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = read_or_create_token(str(path))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)  # 256 bits
    assert path.read_text() == token + "\n"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert read_or_create_token(str(path)) == token
    assert os.listdir(tmp_path) == ["token"]


def test_two_tokens_differ(tmp_path: Path) -> None:
    assert read_or_create_token(str(tmp_path / "a")) != read_or_create_token(str(tmp_path / "b"))


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o777)
    try:
        read_or_create_token(str(tmp_path / "token"))
    finally:
        os.umask(old)
    assert (tmp_path / "token").stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    read_or_create_token(str(path))
    path.chmod(mode)
    assert f"mode {mode:04o}" in refusal(path)
    assert "chmod 600" in refusal(path)


def test_a_link_is_refused_even_to_a_good_file(tmp_path: Path) -> None:
    read_or_create_token(str(tmp_path / "real"))
    (tmp_path / "token").symlink_to(tmp_path / "real")
    assert "symbolic link" in refusal(tmp_path / "token")


def test_a_dangling_link_is_refused_and_nothing_is_created_behind_it(tmp_path: Path) -> None:
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in refusal(tmp_path / "token")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    read_or_create_token(str(path))
    os.chown(path, 65534, 65534)
    assert "belongs to user 65534" in refusal(path)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token", 0o600)
    assert "no regular file" in refusal(tmp_path / "token")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"short\n", b"two lines of text\nand more of them\n", b"\xff" * 40, b"x" * 9999]
)
def test_content_that_is_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    assert "holds no token" in refusal(path)


def test_a_token_of_the_operators_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("chosen-by-hand-0123456789")
    path.chmod(0o600)
    assert read_or_create_token(str(path)) == "chosen-by-hand-0123456789"


def test_a_folder_that_is_missing_is_said_with_the_setting(tmp_path: Path) -> None:
    assert "http.token_file" in refusal(tmp_path / "missing" / "token")


def test_the_token_lies_in_a_private_state_folder_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    path = token_path("", environ)
    assert path == str(tmp_path / "state" / "filewarden" / "token")
    assert Path(path).parent.stat().st_mode & 0o7777 == 0o700
    assert token_path("/elsewhere/token", environ) == "/elsewhere/token"


def test_without_a_state_folder_another_place_is_offered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"(?s)2 problems.*needs that folder: name a file elsewhere"):
        token_path("", {"XDG_STATE_HOME": str(tmp_path / "file")})
    assert token_path("/given", {"XDG_STATE_HOME": str(tmp_path / "file")}) == "/given"
