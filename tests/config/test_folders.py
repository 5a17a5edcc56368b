"""Where things live."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.config.folders import (
    config_file,
    ensure_private_folder,
    give_private_folder,
    home_folder,
    located,
    runtime_folder,
    state_folder,
    why_not_private,
)


def test_the_home_is_the_variable_when_absolute_else_the_users() -> None:
    assert home_folder({"HOME": "/h"}) == "/h"
    assert home_folder({"HOME": "h"}) == home_folder({}) != "h"


def test_state_and_configuration_follow_the_base_directories() -> None:
    assert state_folder({"HOME": "/h"}) == "/h/.local/state/filewarden"
    assert state_folder({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == "/s/filewarden"
    assert state_folder({"HOME": "/h", "XDG_STATE_HOME": "s"}) == "/h/.local/state/filewarden"
    assert config_file({"HOME": "/h"}) == "/h/.config/filewarden/config.toml"
    assert config_file({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}) == "/c/filewarden/config.toml"
    assert config_file({}, "/h") == "/h/.config/filewarden/config.toml"


def test_the_runtime_folder_is_below_run_user_when_that_is_ours(tmp_path: Path) -> None:
    uid = os.getuid()
    environ = {"XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/never"}
    (tmp_path / str(uid)).mkdir()
    assert runtime_folder(environ, uid, run_user=str(tmp_path)) == f"{tmp_path}/{uid}/filewarden"
    (tmp_path / str(uid + 1)).mkdir()
    assert runtime_folder(environ, uid + 1, run_user=str(tmp_path)) == "/s/filewarden/run"
    (tmp_path / str(uid)).rename(tmp_path / "moved")
    assert runtime_folder(environ, uid, run_user=str(tmp_path)) == "/s/filewarden/run"
    (tmp_path / str(uid)).symlink_to("moved")
    assert runtime_folder(environ, uid, run_user=str(tmp_path)) == "/s/filewarden/run"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"
    ensure_private_folder(str(folder))
    assert mode(folder) == 0o700
    ensure_private_folder(str(folder))


def test_an_open_folder_of_ours_is_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    ensure_private_folder(str(folder))
    assert mode(folder) == 0o700


def test_links_files_and_unreachable_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    before = mode(tmp_path / "real")
    with pytest.raises(ConfigError, match="is a symbolic link"):
        ensure_private_folder(str(tmp_path / "link"))
    assert mode(tmp_path / "real") == before
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot be used as a private folder"):
            ensure_private_folder(str(path))


def test_what_would_be_refused_is_told_and_nothing_made(
    tmp_path: Path, unprivileged: Callable[[Callable[[], bool]], bool]
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    assert why_not_private(str(tmp_path / "real")) == ""
    assert why_not_private(str(tmp_path / "to" / "be" / "made")) == ""
    assert not (tmp_path / "to").exists()
    assert "is a symbolic link" in why_not_private(str(tmp_path / "link"))
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "cannot be used as a private folder" in why_not_private(str(path))
    if os.stat("/usr").st_uid == 0:
        assert unprivileged(lambda: "belongs to user 0" in why_not_private("/usr"))
        assert unprivileged(lambda: "nothing can be made in /usr" in why_not_private("/usr/new/state"))


def test_a_folder_of_someone_else_is_refused(unprivileged: Callable[[Callable[[], bool]], bool]) -> None:
    def is_refused() -> bool:
        try:
            ensure_private_folder("/usr")
        except ConfigError as error:
            return "belongs to user 0" in str(error)
        return False

    assert unprivileged(is_refused) or os.stat("/usr").st_uid == os.geteuid()


def test_paths_are_located() -> None:
    assert located("x/y", "/base", "/h") == "/base/x/y"
    assert located("/x", "/base", "/h") == "/x"
    assert located("~", "/base", "/h") == "/h"
    assert located("~/x", "/base", "/h") == "/h/x"
    assert located("~no-such-user/x", "/base", "/h") == "/base/~no-such-user/x"
    assert located("", "/base", "/h") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_gives_a_private_folder_to_another_account_and_follows_no_link(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    for _ in range(2):
        give_private_folder(str(folder), 65534, 65534)
        state = folder.stat()
        assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (65534, 65534, 0o700)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(ConfigError, match="cannot be used as a private folder"):
        give_private_folder(str(tmp_path / "link"), 65534, 65534)
    assert (tmp_path / "real").stat().st_uid == 0
