"""Roots with file systems mounted in them, in a world of the test's own: another process with its own mounts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import openat2
from filewarden.workers.paths.kernel_resolver import KernelResolver
from filewarden.workers.paths.resolution import Resolver
from filewarden.workers.paths.root import Root, open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.paths.walking_resolver import WalkingResolver
from filewarden.workers.tools import get_file_info, list_directory, read_file, search_files
from tests.workers import own_mounts
from tests.workers.own_mounts import mount, with_own_mounts

WORDS = [
    *("dir", "a", "file", "hard", ".env", "token", "state", "mnt", "bind", "bfile", "out", "sub", "none"),
    *("l", "la", "lm", "lf", "lout", "lenv", "lstate", "lup", "loop", ".", "..", "", "{root}", "/"),
]
MOUNTED = ("mnt", "bind", "bfile", "out")

InNamespace = Callable[[Callable[[], None]], None]
MakeContext = Callable[..., Context]


@pytest.fixture
def ground(root: Path) -> Path:
    """The root before anything is mounted in it."""
    for folder in ("dir/a", "state/sub", "mnt", "bind", "out"):
        (root / folder).mkdir(parents=True)
    for file in ("file", "bfile", ".env", "dir/file", "dir/.env", "dir/a/file", "state/token", "state/sub/file"):
        (root / file).write_text(file)
    (root / "dir" / "hard").hardlink_to(root / "file")
    (root / "hard").hardlink_to(root / "state" / "token")
    for link, target in {
        "l": "dir",
        "la": str(root / "dir"),
        "lm": str(root / "mnt"),
        "lf": "mnt/../file",
        "lout": "out/canary.txt",
        "lenv": "dir/.env",
        "lstate": str(root / "state" / "none"),
        "loop": "loop",
        "dir/lup": "..",
        "dir/lm": "../mnt/sub",
    }.items():
        (root / link).symlink_to(target)
    return root


@pytest.fixture
def in_namespace(ground: Path) -> InNamespace:
    """Run something where a file system, a folder and a file of the root, and a foreign folder, are mounted in it."""

    def prepare() -> None:
        mount("tmpfs", ground / "mnt", kind="tmpfs")

    def run(action: Callable[[], None]) -> None:
        def fill_and_act() -> None:
            (ground / "mnt" / "sub").mkdir()
            (ground / "mnt" / "file").write_text("mounted")
            mount(ground / "dir", ground / "bind")
            mount(ground / "file", ground / "bfile")
            mount(ground.parent / "OUT", ground / "out")
            action()

        with_own_mounts(prepare, fill_and_act)

    return run


def outcomes(space: Space, path: str) -> Iterator[object]:
    for attempt in (space.resolve, space.open_file, space.open_directory, space.open_readable):
        try:
            with attempt(path) as handle:
                yield handle.stat.st_dev, handle.stat.st_ino, handle.names
        except ToolFailure as failure:
            yield failure.code, failure.message


def test_both_resolvers_agree_on_mounts_rules_and_closed_objects(
    ground: Path, in_namespace: InNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not openat2.is_available():
        pytest.skip("this kernel has no openat2")
    monkeypatch.setattr(
        "filewarden.workers.paths.suggestion._SECONDS", 10.0
    )  # a hint must not depend on the time there was

    def compare() -> None:
        states = [(ground / name).stat() for name in ("state", "dir/a")]
        closed = frozenset((state.st_dev, state.st_ino) for state in states)
        roots = [
            open_root("R", str(ground), deny=deny, refuses_hard_links=refuses, one_filesystem=one_filesystem)
            for one_filesystem in (False, True)
            for refuses in (False, True)
            for deny in ((), (".env", "dir/a"))
        ]
        spaces = [
            tuple(Space((top,), denied, resolver=one) for one in (KernelResolver(), WalkingResolver()))
            for top in roots
            for denied in (frozenset[tuple[int, int]](), closed)
        ]

        @example(words=["a", ".."], pair=spaces[0])
        @settings(max_examples=600, deadline=None, database=None)
        @given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), pair=st.sampled_from(spaces))
        def agree(words: list[str], pair: tuple[Space, ...]) -> None:
            path = "/".join(words).format(root=ground)
            assert list(outcomes(pair[0], path)) == list(outcomes(pair[1], path)), path

        agree()

    in_namespace(compare)


def code(space: Space, path: str) -> Code | None:
    try:
        space.resolve(path).close()
    except ToolFailure as failure:
        return failure.code
    return None


def strict(root: Path) -> Root:
    return open_root("R", str(root), one_filesystem=True)


def test_l29_mounts_are_entered_unless_the_root_keeps_to_one_file_system(
    ground: Path, resolver: Resolver, in_namespace: InNamespace, make_context: MakeContext
) -> None:
    def try_all() -> None:
        loose = Space((open_root("R", str(ground)),), resolver=resolver)
        closed = Space((strict(ground),), resolver=resolver)
        for path in (
            "mnt",
            "mnt/file",
            "bind",
            "bind/file",
            "bfile",
            "lm",
            "lm/file",
            "lf",
            "dir/lm",
            "out/canary.txt",
        ):
            assert code(loose, path) is None, path
            assert code(closed, path) is Code.ACCESS_DENIED, path
        for path in ("mnt/none", "lm/none", "mnt/..", "mnt/../file"):
            assert code(closed, path) is Code.ACCESS_DENIED, path
        for path in (".", "file", "dir/file", "la/file", str(ground / "dir")):
            assert code(closed, path) is None, path
        for path in (*MOUNTED, "mnt/new"):
            with pytest.raises(ToolFailure):
                closed.open_parent(path)
        assert seen(make_context(loose)) >= {"mnt", "bind", "bfile", "out", "lm", "mnt/file", "bind/file"}
        assert seen(make_context(closed)).isdisjoint({*MOUNTED, "mnt/file", "bind/file", "bind/hard", "out/canary.txt"})

    in_namespace(try_all)


def seen(context: Context) -> set[str]:
    """Every path that a list or a search gives."""
    found: set[str] = set()
    for listed in (
        list_directory.ListDirectory(show_hidden=True),
        list_directory.ListDirectory(sort_by="size"),
        list_directory.ListDirectory(sort_by="modified"),
    ):
        listing = list_directory.run(context, listed).unfold()
        assert not listing.skipped
        found |= {entry.path for entry in listing.entries}
    for arguments in (
        search_files.SearchFiles(pattern="*", recursive=True, max_results=200),
        search_files.SearchFiles(pattern="*", max_results=200),
    ):
        matches = search_files.run(context, arguments)
        assert not matches.truncated
        found |= {match.path for match in matches.matches}
    return found


def test_l29_a_root_that_is_itself_a_mount_keeps_to_it(
    ground: Path, resolver: Resolver, in_namespace: InNamespace
) -> None:
    def try_all() -> None:
        for path, file in (("mnt", "file"), ("bind", "file")):
            space = Space((strict(ground / path),), resolver=resolver)
            assert code(space, file) is None
            assert code(space, ".") is None
            assert code(space, "none") is Code.NOT_FOUND

    in_namespace(try_all)


def test_c07_what_lies_in_a_denied_folder_is_denied_by_a_mount_of_it_too(
    ground: Path, resolver: Resolver, in_namespace: InNamespace, make_context: MakeContext
) -> None:
    def try_all() -> None:
        state = (ground / "dir").stat()
        top = open_root("R", str(ground))
        space = Space((top,), frozenset({(state.st_dev, state.st_ino)}), resolver=resolver)
        for path in ("dir/file", "bind", "bind/file", "bind/a/file", "bind/none", "la/file"):
            assert code(space, path) is Code.ACCESS_DENIED, path
        assert not {path for path in seen(make_context(space)) if path.startswith(("bind", "dir", "l/", "la"))}

    in_namespace(try_all)


def test_l24_a_mount_of_the_kernels_own_files_is_read_within_bounds(
    ground: Path, resolver: Resolver, in_namespace: InNamespace, make_context: MakeContext
) -> None:
    def try_all() -> None:
        mount("/proc", ground / "mnt")
        context = make_context(Space((open_root("R", str(ground)),), resolver=resolver), seconds=2.0)
        read = read_file.run(context, read_file.ReadFile(path="mnt/self/status"))
        assert isinstance(read.text, bytes)
        assert read.text.startswith(b"Name:")
        facts = get_file_info.run(context, get_file_info.GetFileInfo(path="mnt/uptime"))
        assert (facts.type, facts.size) == ("file", 0)
        assert code(context.space, "mnt/self/root") is Code.ACCESS_DENIED
        assert code(context.space, "mnt/self/cwd/a.txt") is Code.ACCESS_DENIED
        assert code(context.space, "mnt/self/exe") is Code.ACCESS_DENIED

    in_namespace(try_all)


MOUNTING_SERVER = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

spec = spec_from_file_location("mounts", {this!r})
mounts = module_from_spec(spec)
spec.loader.exec_module(mounts)
try:
    mounts.enter_namespace()
    mounts.mount("tmpfs", Path({top!r}), kind="tmpfs")
    mounts.mount({inside!r}, Path({bound!r}))
except OSError:
    sys.exit(77)
(Path({top!r}) / "file").write_text("mounted")
from filewarden.transports.cli import main
sys.argv.remove({root!r})  # the file names it
raise SystemExit(main())
"""


@pytest.mark.integration
@pytest.mark.parametrize("is_strict", [False, True])
def test_l29_a_confined_worker_sees_mounts_as_the_root_says(
    start_server: Callable[..., Any], tree: Path, tmp_path: Path, is_strict: bool
) -> None:
    """Workers see the root through mounts of their own, of which those below it are copies."""
    for name in ("mnt", "bound"):
        (tree / name).mkdir(mode=0o755)
        (tree / name).chmod(0o755)
    config = tmp_path / "config.toml"
    config.write_text(f'[[roots]]\npath = "{tree}"\none_filesystem = {str(is_strict).lower()}\n')
    places = {"root": str(tree), "top": str(tree / "mnt"), "inside": str(tree / "src"), "bound": str(tree / "bound")}
    program = MOUNTING_SERVER.format(this=own_mounts.__file__, **places)
    server = start_server("--config", str(config), program=("-c", program))
    try:
        server.initialize()
    except AssertionError:
        if server.process.wait(20) == 77:
            pytest.skip("no mounts here")
        raise
    for path in ("mnt/file", "bound/main.py"):
        error = server.call("read_file", path=path).get("structuredContent", {}).get("error", {})
        assert error.get("code") == ("access_denied" if is_strict else None)
    assert "error" not in server.call("read_file", path="src/main.py").get("structuredContent", {})
    listed = {entry["name"] for entry in server.call("list_directory")["structuredContent"]["entries"]}
    found = server.call("search_files", pattern="*", recursive=True)["structuredContent"]["matches"]
    assert {"mnt", "bound"} & listed == (set() if is_strict else {"mnt", "bound"})
    assert {"mnt/file", "bound/main.py"} <= {match["path"] for match in found} or is_strict
    assert not is_strict or not any(match["path"].startswith(("mnt", "bound")) for match in found)
    assert server.status()["sandbox"]["level"] in ("full", "strong")
