import fcntl
import os
import socket
from pathlib import Path
from types import ModuleType

import pytest

from filewarden.broker.endpoints import EndpointFolder, make_endpoint_folder, sweep
from filewarden.workers.leftovers import remove_sockets


@pytest.fixture
def parent() -> Path:
    folder = Path("/tmp") / f"fw-test-{os.urandom(4).hex()}"  # short: a socket's path has 107 bytes
    folder.mkdir(mode=0o700)
    return folder


def leave_a_dead_server(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(str(folder / "0"))
    return folder


def take_away(folder: EndpointFolder) -> None:
    """What the launcher does at the end."""
    folder.close()
    remove_sockets(os.fsencode(folder.path))


def test_k18_a_folder_is_private_and_goes_away_with_its_sockets(parent: Path) -> None:
    folder = make_endpoint_folder([str(parent)])
    assert Path(folder.path).stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(os.path.join(folder.path, "x"))
    take_away(folder)
    assert not os.path.exists(folder.path)
    parent.rmdir()


def test_the_folder_of_a_dead_server_is_swept(parent: Path) -> None:
    dead = leave_a_dead_server(parent, "filewarden-0123456789ab")
    take_away(make_endpoint_folder([str(parent)]))
    assert not dead.exists()
    parent.rmdir()


def test_the_folder_of_a_living_server_stays(parent: Path) -> None:
    living = make_endpoint_folder([str(parent)])
    take_away(make_endpoint_folder([str(parent)]))
    assert os.path.exists(living.path)
    take_away(living)
    parent.rmdir()


@pytest.mark.parametrize("name", ["filewarden-notes", "filewarden-0123456789AB", "filewarden-0123456789abc", "other"])
def test_a_folder_of_another_name_is_never_touched(parent: Path, name: str) -> None:
    folder = leave_a_dead_server(parent, name)
    sweep(str(parent))
    assert (folder / "0").exists()
    (folder / "0").unlink()
    folder.rmdir()
    parent.rmdir()


def test_only_sockets_are_removed(parent: Path) -> None:
    folder = leave_a_dead_server(parent, "filewarden-0123456789ab")
    (folder / "precious.txt").write_text("mine")
    sweep(str(parent))
    assert (folder / "precious.txt").read_text() == "mine"
    (folder / "precious.txt").unlink()
    folder.rmdir()
    parent.rmdir()


def test_a_link_of_our_name_is_not_followed(parent: Path) -> None:
    target = leave_a_dead_server(parent, "target")
    (parent / "filewarden-0123456789ab").symlink_to(target)
    sweep(str(parent))
    assert (target / "0").exists()
    for path in (target / "0", parent / "filewarden-0123456789ab"):
        path.unlink()
    target.rmdir()
    parent.rmdir()


def test_a_folder_whose_path_is_too_long_for_a_socket_is_passed_over(parent: Path) -> None:
    long = parent / ("x" * 100)
    long.mkdir()
    folder = make_endpoint_folder([str(long), str(parent)])
    assert os.path.dirname(folder.path) == str(parent)
    take_away(folder)
    long.rmdir()
    parent.rmdir()


@pytest.mark.parametrize("moment", ["before it is opened", "before it is locked"])
def test_a_folder_that_another_server_sweeps_away_is_made_again(
    parent: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    name = "open" if moment == "before it is opened" else "flock"
    module: ModuleType = os if name == "open" else fcntl
    really, swept = getattr(module, name), list[Path]()

    def late(*arguments: object) -> object:
        if not swept:
            swept.extend(parent.iterdir())
            swept[0].rmdir()
        return really(*arguments)

    monkeypatch.setattr(module, name, late)
    folder = make_endpoint_folder([str(parent)])
    assert [path.name for path in parent.iterdir()] == [os.path.basename(folder.path)]
    assert swept[0] != Path(folder.path)
    take_away(folder)
    parent.rmdir()


def test_a_folder_that_is_always_swept_away_is_given_up(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.mkdir

    def vain(path: str, mode: int) -> None:
        really(path, mode)
        os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", vain)
    with pytest.raises(OSError, match="other servers took each of 10"):
        make_endpoint_folder([str(parent)])
    parent.rmdir()
