"""Deny rules, denied objects and overlapping roots."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.deny import deny_rules, fold
from filewarden.workers.paths.resolution import Names, Resolved, Start, Unresolved
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.paths.walking_resolver import WalkingResolver


def names(path: str) -> Names:
    return tuple(path.encode().split(b"/"))


def code(space: Space, path: str) -> Code | None:
    try:
        space.resolve(path).close()
    except ToolFailure as failure:
        return failure.code
    return None


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (".env", ".env"),
        (".env", "a/b/.env"),
        (".env", ".env/below"),
        ("*.key", "a/x.key"),
        ("secrets/**", "secrets"),
        ("secrets/**", "secrets/a/b"),
        ("secrets/", "x/secrets/a"),
        ("/top", "top"),
        ("a/b", "a/b/c"),
        ("**/a/b", "x/y/a/b"),
        ("{.env,.git}", "x/.git/config"),
        (".e[mn]v", ".env"),
    ],
)
def test_a_rule_denies(rule: str, path: str) -> None:
    assert deny_rules([rule]).deny(names(path))


@pytest.mark.parametrize(
    ("rule", "path"),
    [(".env", ".environment"), (".env", "a.env"), ("secrets/**", "x/secret"), ("/top", "a/top"), ("a/b", "x/a/b")],
)
def test_a_rule_does_not_deny(rule: str, path: str) -> None:
    assert not deny_rules([rule]).deny(names(path))


@pytest.mark.parametrize("rule", ["", "../x", "/", "**/.."])
def test_a_rule_that_is_no_glob_is_refused(rule: str) -> None:
    with pytest.raises(ToolFailure):
        deny_rules([rule])


@pytest.mark.parametrize("name", [b".ENV", b".env.", b".env ", b".Env. ."])
def test_p37_other_spellings_of_a_denied_name_are_suspect(name: bytes) -> None:
    assert deny_rules([".env"]).suspect((name,))
    assert not deny_rules([".env"]).deny((name,))


class Folding(WalkingResolver):
    """Opens names as a file system does that knows no case: what it finds it takes for what was asked for."""

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        try:
            return super().open(start, names, flags)
        except Unresolved:
            unaware = msgspec.structs.replace(start, is_denied=lambda _names: False)
            return Resolved(super().open(unaware, tuple(map(fold, names)), flags).fd, names)


def test_p37_another_spelling_of_a_denied_name_is_denied_where_the_file_system_takes_it(root: Path) -> None:
    (root / "secrets").mkdir()
    for path in (".env", "secrets/key", "sub/.env", "sub/plain.txt", "sub/a~1.txt"):
        (root / path).touch()
    opened = open_root("R", str(root), deny=(".env", "secrets"))
    space = Space((opened,), resolver=Folding())
    try:
        for path in (".ENV", ".env.", "sub/.Env", "SUB/.env", "SECRETS", "Secrets/key", "secretS/KEY"):
            assert code(space, path) is Code.ACCESS_DENIED, path
        for path in ("sub/plain.txt", "sub/PLAIN.txt", "sub/a~1.txt"):
            assert code(space, path) is None, path
    finally:
        os.close(opened.fd)


def test_folding_is_wide() -> None:
    assert fold("CAFE\u0301".encode()) == fold("caf\u00e9".encode())


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "./.env",
        "sub/../.env",
        ".env/x",
        "sub/.env",
        "none/.env",
        "secrets",
        "secrets/",
        "secrets/key",
        "secrets/none",
        "secrets/../a.txt",
        "ok.txt",
        "ok_dir/key",
        "ok_dir/none",
        "ok_dir/../a.txt",
        "dangling",
    ],
)
def test_c07_l11_what_is_denied_looks_the_same_present_or_absent(
    open_space: Callable[..., Space], root: Path, path: str
) -> None:
    (root / "ok.txt").symlink_to(".env")
    (root / "ok_dir").symlink_to("secrets")
    (root / "dangling").symlink_to("secrets/none")
    space = open_space(deny=(".env", "secrets/**"))
    absent = code(space, path)
    (root / ".env").write_text("key")
    (root / "secrets").mkdir()
    (root / "secrets" / "key").write_text("key")
    assert code(space, path) is Code.ACCESS_DENIED
    if not path.startswith("ok"):
        assert absent is Code.ACCESS_DENIED


def test_p37_a_truly_different_name_follows_its_own_rule(open_space: Callable[..., Space], root: Path) -> None:
    (root / ".ENV").write_text("other")
    (root / ".env ").write_text("other")
    (root / "SECRET~1.TXT").write_text("other")
    space = open_space(deny=(".env",))
    for path in (".ENV", ".env ", "SECRET~1.TXT"):
        assert code(space, path) is None
    assert code(space, ".Env") is Code.NOT_FOUND


def test_an_object_is_denied_wherever_it_lies(open_space: Callable[..., Space], root: Path) -> None:
    (root / "token").write_text("secret")
    (root / "l").symlink_to("token")
    os.link(root / "token", root / "sub" / "hard")
    state = (root / "token").stat()
    space = open_space(denied=frozenset({(state.st_dev, state.st_ino)}))
    for path in ("token", "l", "sub/hard"):
        assert code(space, path) is Code.ACCESS_DENIED
    assert code(space, "a.txt") is None


def test_what_lies_in_a_denied_folder_is_denied(open_space: Callable[..., Space], root: Path) -> None:
    state = (root / "sub").stat()
    space = open_space(denied=frozenset({(state.st_dev, state.st_ino)}))
    (root / "l").symlink_to("sub/none")
    (root / "m").symlink_to("sub/../a.txt")
    (root / "n").symlink_to("sub/none/../../a.txt")
    (root / "a").symlink_to(root / "sub" / "deep")
    for path in ("sub", "sub/b.py", "sub/deep/c.py", "l", "m", "n", "a", "a/c.py", "a/none"):
        assert code(space, path) is Code.ACCESS_DENIED
    for path in ("sub/none", "sub/none/x", "sub/b.py/x", "sub/..", "sub/deep/../../a.txt", "sub/none/../../a.txt"):
        assert code(space, path) is Code.ACCESS_DENIED, "whether it is there would show"
    with space.open_directory(".") as folder:
        for name in (b"sub", b"l", b"m", b"n", b"a"):
            assert space.examine(folder, name) is None


def test_our_own_paths_are_denied_there_or_not(open_space: Callable[..., Space], root: Path) -> None:
    place = root / "sta[t]e"
    space = open_space(open_root("R", str(root), own_paths=(str(place), "/elsewhere", str(root.parent / "R-evil"))))
    for _ in range(2):
        for path in ("sta[t]e", "sta[t]e/token", "sta[t]e/none/x", "sta[t]e/../a.txt", f"{place}/token"):
            assert code(space, path) is Code.ACCESS_DENIED
        assert code(space, "state") is Code.NOT_FOUND
        assert code(space, "a.txt") is None
        place.mkdir(exist_ok=True)
        (place / "token").write_text("secret")


def test_an_entry_that_is_closed_is_not_seen(open_space: Callable[..., Space], root: Path) -> None:
    (root / ".env").write_text("key")
    (root / "ok.txt").symlink_to(".env")
    (root / "gone").symlink_to(".env/none")
    state = (root / "a.txt").stat()
    space = open_space(deny=(".env",), denied=frozenset({(state.st_dev, state.st_ino)}))
    with space.open_directory(".") as folder:
        for name in (b".env", b"ok.txt", b"gone", b"a.txt"):
            assert space.examine(folder, name) is None
        assert space.examine(folder, b"sub") is not None


def test_several_roots_are_named_by_the_first_part(open_space: Callable[..., Space], root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    (other / "o.txt").write_text("o")
    (root / "l").symlink_to(other)
    space = open_space(open_root("one", str(root)), open_root("two", str(other)))
    assert space.names_all_roots(".")
    assert space.names_all_roots("./")
    assert not space.names_all_roots("one")
    for path in ("one/a.txt", "./two//o.txt", f"{other}/o.txt", "one"):
        assert code(space, path) is None
    with space.resolve("one/sub/b.py") as handle:
        assert handle.path == "one/sub/b.py"
    with space.resolve("one") as handle:
        assert handle.path == "one"
    assert code(space, "a.txt") is Code.NOT_FOUND
    for path in ("..", "one/../two/o.txt", "one/..", "one/l/o.txt", "../two/o.txt"):
        assert code(space, path) is Code.ACCESS_DENIED


@pytest.mark.parametrize("inner_first", [True, False])
def test_c14_the_stricter_rules_of_overlapping_roots_hold_in_both_orders(
    open_space: Callable[..., Space], root: Path, inner_first: bool
) -> None:
    (root / "sub" / ".env").write_text("key")
    (root / "sub" / "deep" / "key").write_text("key")
    outer = open_root("outer", str(root), writable=True, deny=("sub/deep/key",))
    inner = open_root("inner", str(root / "sub"), deny=(".env",))
    space = open_space(*((inner, outer) if inner_first else (outer, inner)))
    for path in ("outer/sub/.env", "inner/.env", "inner/deep/key", "outer/sub/deep/key", f"{root}/sub/.env"):
        assert code(space, path) is Code.ACCESS_DENIED
    assert space.may_write(outer, (b"a.txt",))
    assert not space.may_write(outer, (b"sub", b"b.py"))
    assert not space.may_write(inner, (b"b.py",))
    with space.resolve(f"{root}/sub/b.py") as handle:
        assert handle.path == "inner/b.py"
