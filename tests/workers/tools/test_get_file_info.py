import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.reading.file_info import FileInfo
from filewarden.workers.reporter import Reporter
from filewarden.workers.tools.get_file_info import GetFileInfo, run
from filewarden.workers.wire import Progress, unpack_from_worker
from tests.drivers.busy import BUSY_S

MakeContext = Callable[..., Context]


def info(context: Context, path: str) -> FileInfo:
    return run(context, GetFileInfo(path=path))


def test_a_file_has_exactly_these_fields(context: Context, root: Path) -> None:
    begun = int(time.time())
    made = root / "New.TAR.GZ"
    made.write_text("12345")
    made.chmod(0o640)
    os.utime(made, (1_000_000_000, 1_000_000_000))
    known = msgspec.to_builtins(info(context, "New.TAR.GZ"))
    created = known.pop("created")
    assert begun - 5 <= created <= int(time.time()) + 5
    assert known == {
        "name": "New.TAR.GZ",
        "path": "New.TAR.GZ",
        "type": "file",
        "size": 5,
        "modified": 1_000_000_000,
        "extension": ".gz",
        "readable": True,
        "writable": False,
        "mode": "0640",
        "links": 1,
    }


def test_a_folder_has_no_size_and_no_extension(context: Context) -> None:
    known = info(context, "sub/deep/")
    assert (known.name, known.path, known.type) == ("deep", "sub/deep", "directory")
    assert (known.size, known.extension, known.readable) == (None, None, True)


@pytest.mark.parametrize("path", [".", "sub/..", "{root}"])
def test_p10_the_root_can_be_described(context: Context, root: Path, path: str) -> None:
    known = info(context, path.format(root=root))
    assert (known.name, known.path, known.type) == (".", ".", "directory")


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.txt", ".txt"), ("none", ""), (".bashrc", ""), (".config.JSON", ".json"), ("a.", ""), ("a.b.c", ".c")],
)
def test_the_extension_is_the_lower_case_suffix(context: Context, root: Path, name: str, extension: str) -> None:
    (root / name).touch()
    assert info(context, name).extension == extension


def test_l09_an_inner_link_has_its_targets_type(context: Context, root: Path) -> None:
    (root / "l").symlink_to("sub/b.py")
    (root / "absolute").symlink_to(root / "sub")
    known = info(context, "l")
    assert (known.name, known.path, known.type, known.size) == ("l", "l", "file", 6)
    assert known.symlink_target == "sub/b.py"
    assert info(context, "absolute").type == "directory"
    assert info(context, "absolute").symlink_target is msgspec.UNSET
    assert info(context, "absolute/b.py").path == "sub/b.py"


OUTWARD = ["{out}/canary.txt", "../OUT/canary.txt", "../R/a.txt", "/dev/zero", "/proc/self/environ", "../OUT/none"]


@pytest.mark.parametrize("target", OUTWARD)
def test_l16_a_link_out_is_a_link_and_its_target_is_not_told(context: Context, root: Path, target: str) -> None:
    (root / "l").symlink_to(target.format(out=root.parent / "OUT"))
    known = info(context, "l")
    assert (known.type, known.size, known.readable, known.writable) == ("symlink", 0, False, False)
    assert known.symlink_target is msgspec.UNSET


def test_a_dangling_link_inside_tells_its_target(context: Context, root: Path) -> None:
    (root / "l").symlink_to("sub/none\n")
    known = info(context, "l")
    assert (known.type, known.symlink_target) == ("symlink", r"sub/none\x0A")


def test_l05_a_loop_is_a_link(context: Context, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    assert info(context, "a").type == "symlink"


def test_l11_c07_a_link_to_a_denied_object_is_denied(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    (root / "ok").symlink_to(".env")
    context = make_context(open_space(deny=(".env",)))
    for path in ("ok", ".env"):
        with pytest.raises(ToolFailure) as refused:
            info(context, path)
        assert refused.value.code is Code.ACCESS_DENIED


def test_l19_a_pipe_is_described_and_not_readable(context: Context, root: Path) -> None:
    os.mkfifo(root / "p")
    known = info(context, "p")
    assert (known.type, known.readable, known.writable) == ("pipe", False, False)


def test_l28_what_may_not_be_read_says_so(context: Context, root: Path) -> None:
    (root / "a.txt").chmod(0)
    known = info(context, "a.txt")
    assert known.mode == "0000"
    assert known.readable is (os.geteuid() == 0)


def test_writable_says_what_a_call_could_do(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    context = make_context(open_space(writable=True))
    assert info(context, "a.txt").writable
    (root / "a.txt").chmod(0o444)
    assert info(context, "a.txt").writable is (os.geteuid() == 0)
    assert info(context, "sub").writable


def test_l17_hard_links_are_counted(context: Context, root: Path) -> None:
    os.link(root / "a.txt", root / "again")
    assert info(context, "again").links == 2
    assert stat.S_ISREG((root / "again").stat().st_mode)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("none", Code.NOT_FOUND),
        ("a.txt/", Code.NOT_A_DIRECTORY),
        ("a.txt/x", Code.NOT_A_DIRECTORY),
        ("..", Code.ACCESS_DENIED),
        ("d/canary.txt", Code.ACCESS_DENIED),
        ("d/", Code.ACCESS_DENIED),
        ("/etc/passwd", Code.ACCESS_DENIED),
        ("", Code.INVALID_ARGUMENT),
    ],
)
def test_what_cannot_be_described_is_refused(context: Context, root: Path, path: str, code: Code) -> None:
    (root / "d").symlink_to("../OUT")
    with pytest.raises(ToolFailure) as refused:
        info(context, path)
    assert refused.value.code is code


def test_the_list_of_roots_is_no_object(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    context = make_context(open_space(open_root("one", str(root)), open_root("two", str(root / "sub"))))
    with pytest.raises(ToolFailure) as refused:
        info(context, ".")
    assert "list_directory" in refused.value.message
    assert (info(context, "one").name, info(context, "two/b.py").path) == ("one", "two/b.py")


def test_a_checksum_is_that_of_the_content(context: Context, root: Path) -> None:
    for data in (b"", b"abc", bytes(range(256)) * 20_000):
        (root / "f").write_bytes(data)
        known = run(context, GetFileInfo(path="f", checksum=True))
        assert known.sha256 == hashlib.sha256(data).hexdigest()
        assert known.changed_during_read is msgspec.UNSET
    (root / "l").symlink_to("f")
    assert run(context, GetFileInfo(path="l", checksum=True)).sha256 == hashlib.sha256(data).hexdigest()
    assert info(context, "f").sha256 is msgspec.UNSET


@pytest.mark.parametrize("path", [".", "sub", "pipe", "out"])
def test_only_a_file_has_a_checksum(context: Context, root: Path, path: str) -> None:
    os.mkfifo(root / "pipe")
    (root / "out").symlink_to("../OUT/canary.txt")
    with pytest.raises(ToolFailure) as refused:
        run(context, GetFileInfo(path=path, checksum=True))
    assert refused.value.code is Code.NOT_A_FILE


def test_l25_a_checksum_ends_with_the_time(space: Space, make_context: MakeContext, root: Path) -> None:
    with open(root / "f", "wb") as file:
        file.truncate(1 << 40)
    told: list[float] = []

    def hear(frame: bytes) -> None:
        progress = unpack_from_worker(frame)
        assert isinstance(progress, Progress)
        told.append(progress.done)

    reporter = Reporter(hear, 1, wants_progress=True, log_level=None)
    context = msgspec.structs.replace(make_context(space, seconds=0.3), reporter=reporter)
    begun = time.perf_counter()
    with pytest.raises(ToolFailure) as refused:
        run(context, GetFileInfo(path="f", checksum=True))
    assert time.perf_counter() - begun < 2.0 + BUSY_S
    assert refused.value.code is Code.TIMEOUT
    assert refused.value.details["size"] == 1 << 40
    assert told
    assert told == sorted(told)


def test_a_checksum_of_a_file_that_changes_says_so(
    context: Context, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "f").write_bytes(b"before")
    pread = os.pread

    def change_first(fd: int, count: int, offset: int) -> bytes:
        (root / "f").write_bytes(b"afterwards")
        return pread(fd, count, offset)

    monkeypatch.setattr(os, "pread", change_first)
    assert run(context, GetFileInfo(path="f", checksum=True)).changed_during_read is True
