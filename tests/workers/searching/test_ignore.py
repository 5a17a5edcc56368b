import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.searching.ignore import MAX_FILE_BYTES, MAX_RULES, Ignore, parse, read_rules
from filewarden.workers.searching.walk import Filters, Walk

NAMES = ["a", "b", "c.o", "d.py", "build", "foo", "bar", "x y", "é", "[z]", "#h", "!n", "t~", "foobar", "dir.d"]
PATTERNS = [
    *[
        "*.o",
        "*.py",
        "!d.py",
        "build/",
        "/build",
        "build",
        "foo/",
        "/foo/bar",
        "foo/bar",
        "foo/*",
        "!foo/bar",
        "**/bar",
    ],
    *["**/foo/**", "foo/**", "a/**/b", "a/**", "/*", "!/foo", "*", "!*/", "!*.py", "f?o", "[ab]", "[!ab]", "[a-c].o"],
    *[
        "\\#h",
        "\\!n",
        "#h",
        "t~",
        "*~",
        "x y",
        "x\\ y",
        "x y  ",
        "[[:alpha:]]",
        "[[]z]",
        "\\[z\\]",
        "foo**/bar",
        "**foo",
    ],
    *[
        "foo*bar",
        "*/b",
        "*/*/b",
        "/**/b",
        "b/",
        "**/",
        "**",
        "***",
        "/",
        "",
        "  ",
        "a//b",
        "[z",
        "a\\",
        "dir.d/*.o",
        "é",
    ],
    *[
        "!build/",
        "*.*",
        "!*",
        "fo[^x]",
        "foo/**/",
        "**/b/*",
        "foo\\bar",
        "[]z]",
        "?",
        "??",
        "*b*r*",
        "[[:bogus:]]",
        "x y\r",
    ],
]

DEEP_BEHIND_PLAIN = re.compile(r"[^*?[\\]*[^/*?[\\]\*\*")


def git(folder: Path, *arguments: str, feed: bytes = b"") -> bytes:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(["git", *arguments], cwd=folder, input=feed, env=environ, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@cache
def follows_its_manual() -> bool:
    """Whether this git takes `**` for folders only between slashes; the older ones do behind a plain beginning, too."""
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        git(top, "init", "-q", ".")
        (top / ".gitignore").write_text("/a**/b\n")
        (top / "ab").touch()
        return "ab" in kept_by_git(top)


def meant_alike(patterns: Sequence[str]) -> list[str]:
    """Those that this git takes as its manual says."""
    return [each for each in patterns if follows_its_manual() or not DEEP_BEHIND_PLAIN.match(each)]


def grow(random_: random.Random, folder: Path, depth: int) -> None:
    for name in random_.sample(NAMES, 6):
        if depth and random_.random() < 0.5:
            (folder / name).mkdir()
            grow(random_, folder / name, depth - 1)
        else:
            (folder / name).touch()
    if depth == 3 or random_.random() < 0.3:
        lines = meant_alike(random_.sample(PATTERNS, random_.randint(1, 8)))
        (folder / ".gitignore").write_bytes("\n".join(lines).encode() + random_.choice([b"", b"\n"]))


def kept_by_git(folder: Path) -> set[str]:
    """What git would add: everything that it does not ignore, asked without an index."""
    listed = git(folder, "-c", "core.excludesFile=", "ls-files", "-z", "--others", "--exclude-standard")
    return {os.fsdecode(name) for name in listed.split(b"\0") if name}


def kept_by_us(space: Space) -> set[str]:
    with space.open_directory(".") as start:
        walk = Walk(space, start, Filters(respects_gitignore=True), lambda: False)
        return {os.fsdecode(b"/".join((*folder.names, name))) for folder in walk.folders() for name in folder.files}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("seed", range(40))
def test_we_ignore_exactly_what_git_ignores(space: Space, root: Path, seed: int) -> None:
    shutil.rmtree(root / "sub")
    (root / "a.txt").unlink()
    git(root, "init", "-q", ".")
    grow(random.Random(seed), root, 3)
    assert kept_by_us(space) == kept_by_git(root)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_every_pattern_alone_agrees_with_git(space: Space, root: Path) -> None:
    shutil.rmtree(root / "sub")
    git(root, "init", "-q", ".")
    grow(random.Random(1), root, 2)
    for path in list(root.rglob(".gitignore")):
        path.unlink()
    for pattern in meant_alike(PATTERNS):
        (root / ".gitignore").write_text(pattern + "\n")
        assert kept_by_us(space) == kept_by_git(root), pattern


@pytest.fixture(scope="module")
def thicket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Space]]:
    """A small tree of names that patterns over few letters often mean."""
    top = tmp_path_factory.mktemp("thicket")
    git(top, "init", "-q", ".")
    for folder in ("a", "b", "ab", "a/b", "a/b/a", "b/a.b"):
        (top / folder).mkdir()
    for folder in (".", "a", "b", "ab", "a/b", "a/b/a", "b/a.b"):
        for name in ("c", "c.a", "bc", "!c", "#c", "c ", "[c]", "a-b", "c\\"):
            (top / folder / name).touch()
    root = open_root("R", str(top))
    yield top, Space((root,))
    os.close(root.fd)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    own=st.lists(st.text("abc*?[]!/\\. -#^", max_size=9), min_size=1, max_size=4),
    inner=st.lists(st.text("abc*?!/", max_size=6), max_size=2),
)
def test_we_ignore_what_git_ignores_by_whatever_pattern(
    thicket: tuple[Path, Space], own: list[str], inner: list[str]
) -> None:
    top, space = thicket
    (top / ".gitignore").write_text("\n".join(meant_alike(own)) + "\n")
    (top / "a" / ".gitignore").write_text("\n".join(meant_alike(inner)) + "\n")
    assert kept_by_us(space) == kept_by_git(top)


def hides(text: bytes, path: bytes, *, is_folder: bool = False) -> bool:
    *folder, name = path.split(b"/")
    return Ignore(None, b"", parse(text)).keep(tuple(folder), [name], is_folder=is_folder) == []


@pytest.mark.parametrize(
    ("line", "hidden", "kept"),
    [
        (b"/foo**/bar", (b"foo/bar", b"fool/bar"), (b"foobar", b"foo/a/bar")),
        (b"/foo/**/bar", (b"foo/bar", b"foo/a/bar", b"foo/a/b/bar"), (b"foobar", b"fool/bar")),
        (b"a/b**", (b"a/b", b"a/bc"), (b"a/c", b"x/a/b")),
    ],
)
def test_two_stars_stand_for_folders_only_between_slashes(
    line: bytes, hidden: tuple[bytes, ...], kept: tuple[bytes, ...]
) -> None:
    """As gitignore(5) says; the git that is here may be an older one, which did not."""
    assert [path for path in (*hidden, *kept) if hides(line, path)] == list(hidden)


def test_a_byte_order_mark_is_skipped() -> None:
    assert hides(b"\xef\xbb\xbfa\n", b"a")


def test_git_itself_is_always_hidden() -> None:
    assert hides(b"!.git\n", b".git", is_folder=True)
    assert hides(b"", b".git")


@pytest.mark.parametrize(
    "line", [b"*a*a*a*a*a*a*a*a*a*b", b"**/a/**/a/**/a/**/a/**/b", b"*?*?*?*?*?*?*?b", b"[[[[[[[[", b"[a" * 400]
)
def test_s08_no_pattern_takes_long(line: bytes) -> None:
    begun = time.process_time()
    hides(line, b"a/" * 500 + b"a" * 255)
    assert time.process_time() - begun < 0.1


def test_s08_only_so_many_rules_count() -> None:
    text = b"\n".join(b"n%d" % number for number in range(MAX_RULES + 10))
    assert hides(text, b"n%d" % (MAX_RULES - 1))
    assert not hides(text, b"n%d" % (MAX_RULES + 1))
    assert not hides(b"a" * 2000, b"a" * 2000)


def nothing_is_closed(_state: os.stat_result) -> bool:
    return False


def test_s08_links_pipes_and_the_end_of_huge_files_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("a\n")
    file = tmp_path / ".gitignore"
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        file.symlink_to("rules")
        assert read_rules(fd, nothing_is_closed) is None
        file.unlink()
        os.mkfifo(file)
        assert read_rules(fd, nothing_is_closed) is None
        file.unlink()
        file.write_bytes(b"first\n" + b"#" * MAX_FILE_BYTES + b"\nlast\n")
        rules = read_rules(fd, nothing_is_closed)
    finally:
        os.close(fd)
    assert rules is not None
    assert rules.judge(b"first", b"first", is_folder=False) is True
    assert rules.judge(b"last", b"last", is_folder=False) is None
