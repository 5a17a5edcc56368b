"""Section L: links and special objects."""

import fcntl
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

DENIED = {"access_denied"}
WITH_MOUNT = (
    "-c",
    (
        "import ctypes, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "kind, place = sys.argv.pop(2), sys.argv.pop(2)\n"
        "if libc.unshare(0x20000) or libc.mount(b'none', b'/', None, 0x44000, None) or \\\n"
        "    libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None): raise SystemExit(77)\n"
        "if kind == 'tmpfs': open(place + '/inside.txt', 'w').write('on another file system')\n"
        "from filewarden.transports.cli import main; raise SystemExit(main())"
    ),
)


def codes(client: Any, path: str) -> set[str]:
    return set(client.aim(path).values())


def content_codes(client: Any, path: str) -> set[str]:
    """Of the tools that would follow a link."""
    return {code for tool, code in client.aim(path).items() if tool != "get_file_info"}


def names_below(client: Any, path: str) -> set[str]:
    found = client.data("search_files", path=path, pattern="**/*", respect_gitignore=False)
    return {match["name"] for match in found["matches"]}


def check_link_out(client: Any, path: str) -> None:
    """No tool follows it; its description says that it is a link and nothing of where it leads."""
    assert content_codes(client, path) == DENIED
    info = client.data("get_file_info", path=path)
    assert (info["type"], info["size"], "symlink_target" in info) == ("symlink", 0, False)


@pytest.mark.parametrize("target", ["absolute", "l02_relative"])
def test_l01_l02_file_link_out(client: Any, ground: Any, folder: Path, target: str) -> None:
    (folder / "l").symlink_to(ground.hook if target == "absolute" else "../../OUT/canary.txt")
    check_link_out(client, f"{folder.name}/l")
    assert "l" not in names_below(client, folder.name)


def test_l03_directory_link_out(client: Any, ground: Any, folder: Path) -> None:
    (folder / "d").symlink_to(ground.outside)
    check_link_out(client, f"{folder.name}/d")
    for below in ("d/canary.txt", "d/.", "d/", "d/missing", "d/../d/canary.txt"):
        assert codes(client, f"{folder.name}/{below}") == DENIED, below


@pytest.mark.parametrize("length", [2, 39, 41])
def test_l04_chain(client: Any, ground: Any, folder: Path, length: int) -> None:
    for number in range(1, length):
        (folder / f"l{number}").symlink_to(f"l{number + 1}")
    (folder / f"l{length}").symlink_to(ground.hook)
    assert content_codes(client, f"{folder.name}/l1") == DENIED


def test_l05_loop(client: Any, folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    (folder / "s").symlink_to(".")
    (folder / "once.txt").write_text("once")
    assert content_codes(client, f"{folder.name}/a") == DENIED
    assert client.text(f"{folder.name}/s/s/s/once.txt") == "once"
    found = client.data("search_files", path=folder.name, pattern="**/*.txt")
    assert [match["path"] for match in found["matches"]] == [f"{folder.name}/once.txt"]


def test_l06_dangling_link_out(client: Any, ground: Any, folder: Path) -> None:
    (folder / "l").symlink_to(ground.outside / "new.txt")
    check_link_out(client, f"{folder.name}/l")


def test_l09_link_that_stays_inside(client: Any, ground: Any, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.txt").write_text("inside")
    (folder / "l").symlink_to("sub/a.txt")
    (folder / "d").symlink_to("sub")
    (folder / "absolute").symlink_to(folder / "sub" / "a.txt")
    (folder / "round").symlink_to(f"../../R/{folder.name}/sub/a.txt")
    for path in ("l", "d/a.txt", "absolute"):
        assert client.text(f"{folder.name}/{path}") == "inside"
    assert client.code("read_file", path=f"{folder.name}/round") == "access_denied"  # the way leads through the outside


def test_l11_link_to_a_denied_object(client: Any, ground: Any, folder: Path) -> None:
    (folder / "ok.txt").symlink_to("../.env")
    (folder / "absolute.txt").symlink_to(ground.root / ".env")
    (folder / "ok").symlink_to("../secrets")
    for path in ("ok.txt", "absolute.txt", "ok", "ok/key.txt", "ok/missing"):
        assert codes(client, f"{folder.name}/{path}") == DENIED, path
    assert client.data("list_directory", path=folder.name)["entries"] == []
    assert names_below(client, folder.name) == set()


def test_l12_the_root_is_itself_a_link(
    transport: str, launch: Callable[..., Any], grounds: Callable[[], Any], guard: Callable[..., Any]
) -> None:
    ground = grounds()
    (ground.base / "link").symlink_to("R")
    server = guard(launch(transport, ground, str(ground.base / "link")), ground)
    for path in (
        "small.txt",
        f"{ground.base}/link/small.txt",
        f"{ground.root}/small.txt",
        f"{ground.base}//./link/small.txt",
    ):
        assert server.text(path) == "small text\n", path
    assert server.data("get_file_info", path=f"{ground.base}/link/small.txt")["path"] == "small.txt"
    assert server.code("read_file", path=f"{ground.base}/link/../OUT/canary.txt") == "access_denied"
    (ground.base / "new").symlink_to("OUT")
    os.replace(ground.base / "new", ground.base / "link")
    for path in ("canary.txt", f"{ground.base}/link/canary.txt"):
        assert codes(server, path) <= {"not_found", "not_a_directory", "access_denied"}
    assert server.text("small.txt") == "small text\n"


def magic_paths(server: Any) -> list[str]:
    paths = ["/proc/self/root/etc/passwd", "/proc/self/cwd", "/proc/self/exe", "/proc/thread-self/root", "/dev/stdin"]
    paths += [f"/proc/self/fd/{number}" for number in range(8)] + [f"/dev/fd/{number}" for number in range(4)]
    paths += [f"/proc/{server.pid}/root/etc/passwd", f"/proc/{server.pid}/cwd"]
    paths += ["/proc/self/environ", "/proc/self/mem", "/proc/self/maps", f"/proc/{server.pid}/environ"]  # L14
    return paths


def test_l13_l14_magic_links_and_server_secrets(client: Any, folder: Path) -> None:
    for number, path in enumerate(magic_paths(client)):
        assert client.code("read_file", path=path) == "access_denied", path
        assert client.code("get_file_info", path=path) == "access_denied", path
        link = folder / f"m{number}"
        link.symlink_to(path)
        for tool in ("read_file", "list_directory"):
            assert client.code(tool, path=f"{folder.name}/{link.name}") == "access_denied", path
            assert client.code(tool, path=f"{folder.name}/{link.name}/etc") == "access_denied", path


def test_l15_l16_lists_and_searches_do_not_follow(client: Any, ground: Any, folder: Path) -> None:
    (folder / "l").symlink_to(ground.hook)
    (folder / "d").symlink_to(ground.outside)
    entries = client.data("list_directory", path=folder.name)["entries"]
    assert {(entry["name"], entry["type"], entry["size"]) for entry in entries} == {
        ("l", "symlink", 0),
        ("d", "symlink", 0),
    }
    assert names_below(client, folder.name) == set()
    assert "canary.txt" not in names_below(client, ".")
    assert str(ground.outside) not in str(client.call("get_file_info", path=f"{folder.name}/l"))


def test_l17_l18_a_hard_link_is_the_file_and_its_count_is_shown(client: Any, ground: Any, folder: Path) -> None:
    """Documented in SECURITY.md. Our own files are recognised by what they are, not by their names."""
    outside = ground.write(ground.base / "linked.txt", "linked twice")
    os.link(outside, folder / "h")
    os.link(ground.config, folder / "config")
    assert client.code("read_file", path=f"{folder.name}/h") in ("ok", "access_denied")
    if client.code("read_file", path=f"{folder.name}/h") == "ok":
        assert client.data("get_file_info", path=f"{folder.name}/h")["links"] == 2
    assert client.code("read_file", path=f"{folder.name}/config") == "access_denied"
    assert client.code("get_file_info", path=f"{folder.name}/config") == "access_denied"
    assert "config" not in str(client.call("list_directory", path=folder.name)["content"])
    assert "config" not in names_below(client, folder.name)


def test_l19_named_pipe(client: Any, folder: Path) -> None:
    os.mkfifo(folder / "p", 0o644)
    path = f"{folder.name}/p"
    begun = time.monotonic()
    assert client.code("read_file", path=path) == "unsupported"
    assert client.code("read_file", path=path, head=1) == "unsupported"
    assert time.monotonic() - begun < 0.5 + BUSY_S
    assert client.code("list_directory", path=path) == "not_a_directory"
    assert client.data("get_file_info", path=path)["type"] == "pipe"
    assert [entry["type"] for entry in client.data("list_directory", path=folder.name)["entries"]] == ["pipe"]
    assert names_below(client, folder.name) == set()


def test_l20_many_named_pipes(client: Any, code: Callable[..., str], folder: Path) -> None:
    os.mkfifo(folder / "p", 0o644)
    begun = time.monotonic()
    answers = client.many([("read_file", {"path": f"{folder.name}/p"})] * 64)
    assert {code(answer) for answer in answers} <= {"unsupported", "overloaded"}
    assert time.monotonic() - begun < 3.0 + BUSY_S


def test_l22_socket(client: Any, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        listener.setblocking(False)
        assert client.code("read_file", path=f"{folder.name}/s") == "unsupported"
        assert client.data("get_file_info", path=f"{folder.name}/s")["type"] == "socket"
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_l23_devices(client: Any, folder: Path) -> None:
    for number, device in enumerate(("/dev/zero", "/dev/random", "/dev/tty", "/dev/null", "/dev/sda")):
        (folder / f"link{number}").symlink_to(device)
        assert content_codes(client, f"{folder.name}/link{number}") == DENIED
        assert codes(client, device) == DENIED
    try:
        os.mknod(folder / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        return
    (folder / "zero").chmod(0o666)
    assert client.code("read_file", path=f"{folder.name}/zero") in ("access_denied", "unsupported")
    assert client.data("get_file_info", path=f"{folder.name}/zero")["type"] == "device"


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount")
@pytest.mark.parametrize("kind", ["proc", "tmpfs"])
def test_l24_l29_a_mount_inside_the_root(
    transport: str,
    launch: Callable[..., Any],
    grounds: Callable[[], Any],
    guard: Callable[..., Any],
    kind: str,
) -> None:
    """Reads of a kernel file system are bounded; nothing of the mount must be more than a folder of the root."""
    ground = grounds()
    place = ground.root / "mnt"
    place.mkdir()
    place.chmod(0o755)
    server = launch(transport, ground, kind, str(place), str(ground.root), program=WITH_MOUNT, opened=False)
    if server.process.poll() == 77:
        pytest.skip("mounting is not allowed here")
    server.open()
    server.settle()
    server = guard(server, ground)
    begun = time.monotonic()
    for path in ("mnt", "mnt/inside.txt", "mnt/kmsg", "mnt/cpuinfo", "mnt/1/root/etc/passwd", "mnt/self/environ"):
        for code in server.aim(path).values():
            assert code in ("ok", "access_denied", "not_found", "not_a_directory", "not_a_file", "unsupported"), path
    assert time.monotonic() - begun < 30  # searches among all processes of the machine are part of it
    assert "root:x" not in str(server.call("read_file", path="mnt/1/root/etc/passwd"))


def test_l25_sparse_file(client: Any, folder: Path) -> None:
    with (folder / "hole").open("wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            file.truncate(1 << 36)
    (folder / "hole").chmod(0o644)
    path = f"{folder.name}/hole"
    before = client.memory_mb()
    assert client.code("read_file", path=path) == "too_large"
    begun = time.monotonic()
    for more in ({"head": 1}, {"tail": 1}, {"offset": 1, "limit": 5}):
        result = client.call("read_file", path=path, **more)
        assert len(str(result)) < 4_000_000
    assert time.monotonic() - begun < 15
    assert client.memory_mb() - before < 50


def test_l26_growing_file(client: Any, folder: Path) -> None:
    path = folder / "growing.txt"
    path.write_text("first line\n")
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not stop.is_set() and file.tell() < 100_000_000:
                file.write(b"another line\n" * 1000)
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(20):
            assert client.code("read_file", path=f"{folder.name}/growing.txt") in ("ok", "too_large")
            assert client.text(f"{folder.name}/growing.txt", head=1) == "first line\n"
            assert client.code("read_file", path=f"{folder.name}/growing.txt", tail=1) == "ok"
    finally:
        stop.set()
        writer.join()


def test_l27_truncated_during_the_read(client: Any, folder: Path) -> None:
    path = folder / "shrinking.txt"
    path.write_bytes(b"line\n" * 100_000)
    stop = threading.Event()

    def shrink() -> None:
        while not stop.is_set():
            os.truncate(path, 0)
            os.truncate(path, 500_000)

    writer = threading.Thread(target=shrink)
    writer.start()
    try:
        for more in [{}, {"tail": 3}, {"offset": 1000, "limit": 10}, {"head": 5}] * 20:
            code = client.code("read_file", path=f"{folder.name}/shrinking.txt", **more)
            assert code in ("ok", "io_error", "invalid_argument", "unsupported", "too_large"), more
    finally:
        stop.set()
        writer.join()


def test_l28_unreadable(client: Any, folder: Path) -> None:
    (folder / "closed.txt").write_text("x")
    (folder / "closed").mkdir()
    (folder / "half").mkdir()
    (folder / "half" / "a.txt").write_text("x")
    (folder / "open.txt").write_text("open")
    for name, mode in {"closed.txt": 0, "closed": 0, "half": 0o644}.items():
        (folder / name).chmod(mode)
    assert client.code("read_file", path=f"{folder.name}/closed.txt") == "access_denied"
    assert client.code("list_directory", path=f"{folder.name}/closed") == "access_denied"
    assert client.code("read_file", path=f"{folder.name}/half/a.txt") == "access_denied"
    assert client.code("list_directory", path=f"{folder.name}/half") == "ok"
    names = {entry["name"] for entry in client.data("list_directory", path=folder.name)["entries"]}
    assert names == {"closed.txt", "closed", "half", "open.txt"}
    assert "open.txt" in names_below(client, folder.name)


def test_l33_a_lock_of_somebody_else_is_not_waited_for(client: Any, folder: Path) -> None:
    (folder / "locked.txt").write_text("locked")
    with (folder / "locked.txt").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)
        begun = time.monotonic()
        assert client.text(f"{folder.name}/locked.txt") == "locked"
        assert time.monotonic() - begun < 1.0 + BUSY_S
