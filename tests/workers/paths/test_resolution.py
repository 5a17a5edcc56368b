import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from filewarden.workers.paths import openat2
from filewarden.workers.paths.kernel_resolver import KernelResolver
from filewarden.workers.paths.resolution import FOLDER, O_PATH, READ, Names, Resolver, Start, Unresolved, normalise
from filewarden.workers.paths.walking_resolver import MAX_HELD, WalkingResolver

WORDS = ["a", "b", "dir", "file", "l", "lf", "la", "lo", "lup", "loop", "ldang", "lback", "none", ".", "..", "", "OUT"]


def nothing_is_denied(_names: Names) -> bool:
    return False


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    top = tmp_path_factory.mktemp("tree")
    root = top / "R"
    (root / "dir" / "a" / "b").mkdir(parents=True)
    (top / "OUT").mkdir()
    (top / "OUT" / "file").write_text("secret")
    for folder in (root, root / "dir", root / "dir" / "a"):
        (folder / "file").write_text(str(folder))
        (folder / "l").symlink_to("dir" if folder == root else "a")
        (folder / "lf").symlink_to("file")
        (folder / "la").symlink_to(root / "dir")
        (folder / "lo").symlink_to(top / "OUT")
        (folder / "lup").symlink_to("..")
        (folder / "loop").symlink_to("loop")
        (folder / "ldang").symlink_to("none/x")
        (folder / "lback").symlink_to("./dir/../file/")
    fd = os.open(root, O_PATH | os.O_DIRECTORY)
    prefix = tuple(part.encode() for part in root.parts[1:])
    yield Start(fd, (prefix,), nothing_is_denied)
    os.close(fd)


def outcome(resolver: Resolver, start: Start, names: Names, flags: int) -> object:
    try:
        resolved = resolver.open(start, names, flags)
    except Unresolved:
        return "refused"
    state = os.fstat(resolved.fd)
    os.close(resolved.fd)
    return state.st_dev, state.st_ino, resolved.names


@settings(max_examples=400, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=7),
    flags=st.sampled_from([O_PATH, READ, FOLDER, O_PATH | os.O_DIRECTORY]),
)
def test_both_resolvers_give_the_same_object_or_both_refuse(start: Start, words: list[str], flags: int) -> None:
    if not openat2.is_available():
        pytest.skip("this kernel has no openat2")
    names = tuple(word.encode() for word in words)
    if normalise(names) is None:
        return  # refused before a resolver sees it
    assert outcome(KernelResolver(), start, names, flags) == outcome(WalkingResolver(), start, names, flags)


@settings(max_examples=200, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_nothing_outside_is_ever_opened(start: Start, words: list[str]) -> None:
    names = tuple(word.encode() for word in words)
    for resolver in (WalkingResolver(), KernelResolver()) if openat2.is_available() else (WalkingResolver(),):
        try:
            resolved = resolver.open(start, names, O_PATH)
        except Unresolved:
            continue
        real = os.stat(b"/".join(resolved.names) or b".", dir_fd=start.fd, follow_symlinks=False)
        opened = os.fstat(resolved.fd)
        os.close(resolved.fd)
        assert (real.st_dev, real.st_ino) == (opened.st_dev, opened.st_ino)
        assert not stat.S_ISLNK(opened.st_mode)


@pytest.mark.parametrize("length", [2, 39, 40])
def test_l04_a_chain_of_links_inside_is_followed(resolver: Resolver, tmp_path: Path, length: int) -> None:
    assert chain(resolver, tmp_path, length, "end") == "end"


@pytest.mark.parametrize("length", [41, 100])
def test_l04_a_chain_of_too_many_links_is_refused(resolver: Resolver, tmp_path: Path, length: int) -> None:
    assert chain(resolver, tmp_path, length, "end") == errno.ELOOP


@pytest.mark.parametrize("length", [2, 39, 41])
def test_l04_a_chain_that_leads_out_is_refused(resolver: Resolver, tmp_path: Path, length: int) -> None:
    assert chain(resolver, tmp_path, length, "../OUT") in (errno.EXDEV, errno.ELOOP)


def chain(resolver: Resolver, tmp_path: Path, length: int, end: str) -> str | int | None:
    root = tmp_path / "R"
    root.mkdir()
    (tmp_path / "OUT").write_text("secret")
    (root / "end").write_text("end")
    for number in range(length - 1):
        (root / f"l{number}").symlink_to(f"l{number + 1}")
    (root / f"l{length - 1}").symlink_to(end)
    fd = os.open(root, O_PATH | os.O_DIRECTORY)
    try:
        resolved = resolver.open(Start(fd, (), nothing_is_denied), (b"l0",), READ)
    except Unresolved as error:
        return error.errno
    finally:
        os.close(fd)
    with open(resolved.fd, encoding="ascii") as file:
        return file.read()


def test_the_walker_holds_a_bounded_number_of_descriptors(tmp_path: Path) -> None:
    names = tuple(b"d" for _ in range(MAX_HELD + 1))
    (tmp_path / "/".join("d" for _ in names) / "x").mkdir(parents=True)
    fd = os.open(tmp_path, O_PATH | os.O_DIRECTORY)
    try:
        with pytest.raises(Unresolved) as refused:
            WalkingResolver().open(Start(fd, (), nothing_is_denied), (*names, b"x"), O_PATH)
        plain = WalkingResolver().open_plain(Start(fd, (), nothing_is_denied), (*names, b"x"), FOLDER)
        os.close(plain)
    finally:
        os.close(fd)
    assert refused.value.errno == errno.ENAMETOOLONG


def test_a_plain_path_takes_no_link(resolver: Resolver, start: Start) -> None:
    for names in ((b"l", b"file"), (b"lf",), (b"dir", b"la", b"b")):
        with pytest.raises(Unresolved):
            os.close(resolver.open_plain(start, names, O_PATH | os.O_DIRECTORY))


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        (b"a/b", b"a/b"),
        (b"./a//b/", b"a/b"),
        (b"a/../b", b"b"),
        (b"..", None),
        (b"a/../../b", None),
        (b"a/b/../../c", b"c"),
    ],
)
def test_names_are_normalised_without_the_file_system(names: bytes, plain: bytes | None) -> None:
    expected = None if plain is None else tuple(plain.split(b"/"))
    assert normalise(tuple(names.split(b"/"))) == expected
