"""Changes that are made together: as if one after another, as durable, and each for itself when something fails."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.workers.arguments import ArgumentCheck
from filewarden.workers.context import Context
from filewarden.workers.errors import ToolFailure
from filewarden.workers.rules.durability import Durability
from filewarden.workers.steps import ALONE, Steps
from filewarden.workers.tool import Tool
from filewarden.workers.tools import create_directory, edit_file, undo_change, write_file
from filewarden.workers.writing.batch import MOST_BYTES, MOST_CHANGES, Batch
from filewarden.workers.writing.housekeeping import settle_history, tidy_roots
from tests.workers.writing.test_durability import RENAMED, Events, events, flushed
from tests.workers.writing.test_faults import drafts, sweep_all
from tests.workers.writing.test_history import changes
from tests.workers.writing.test_history_faults import TYPED, failing, look, prepared
from tests.workers.writing.test_kills import killed_after

Run = Callable[..., Any]
Open = Callable[..., Context]
Asked = tuple[Tool, dict[str, Any]]
Made = msgspec.Struct | ToolFailure
__all__ = ["events"]


def stepping(context: Context, asked: Asked) -> Steps[Made]:
    """One change as a worker makes it."""
    tool, arguments = asked
    decoded = ArgumentCheck(tool)(msgspec.json.encode(arguments))
    try:
        if tool.steps is None:
            yield ALONE
            made: Made = tool.run(context, decoded)
            return made
        return (yield from tool.steps(context, decoded))
    except ToolFailure as failure:
        return failure


def together(context: Context, asked: list[Asked], sizes: list[int] | None = None) -> list[Made | None]:
    """Make changes that have all come; `sizes` gets how many were made together each time."""
    made: list[Made | None] = []
    while len(made) < len(asked):
        batch, begun = Batch[Made](), len(made)
        while begun < len(asked) and not batch.is_full and batch.begin(stepping(context, asked[begun])):
            begun += 1
        done = batch.finish()
        assert len(done) == begun - len(made) > 0
        made += done
        if sizes is not None:
            sizes.append(len(done))
    return made


def write(path: str, content: str = "new\n", **arguments: Any) -> Asked:
    return write_file.TOOL, {"path": path, "content": content, **arguments}


def over(path: str, content: str = "new\n") -> Asked:
    return write(path, content, overwrite=True)


def edit(path: str, old: str, new: str) -> Asked:
    return edit_file.TOOL, {"path": path, "edits": [{"old_text": old, "new_text": new}]}


def told(made: Made | None) -> object:
    """What a client hears, without what differs from run to run."""
    return (made.code, made.message) if isinstance(made, ToolFailure) else made


FOUR = [write("sub/new"), over("a.txt"), edit("sub/b.py", "1", "2"), write("sub/deep/c.py", "c = 2\n", append=True)]


def test_all_is_kept_and_written_before_the_first_is_put_in_place_and_all_names_last_before_an_answer(
    recording: Context, root: Path, folder: Path, events: Events
) -> None:
    sizes: list[int] = []
    together(recording, FOUR, sizes)
    assert sizes == [4]
    first, last = events.index(RENAMED), len(events) - 1 - events[::-1].index(RENAMED)
    (kept,) = folder.glob("*.open")
    files = [root / name for name in ("sub/new", "a.txt", "sub/b.py", "sub/deep/c.py")]
    for path in (kept, *files):
        assert events[:first].count(flushed(path)) == 1, path.name
    for path in (root, root / "sub", root / "sub/deep"):
        assert events[last:].count(flushed(path)) == 1, path.name
    assert events.count(flushed(kept)) == 1


def test_with_rename_nothing_waits_for_the_disk(opened: Open, writable: Context, events: Events) -> None:
    rules = msgspec.structs.replace(writable.writing, durability=Durability.RENAME)
    together(opened(writing=rules), FOUR)
    assert set(events) == {RENAMED}


WAITS: dict[str, tuple[list[Asked], list[int]]] = {
    "the same file": ([over("a.txt", "1"), over("a.txt", "2")], [1, 1]),
    "the same file by a link": ([over("a.txt", "1"), over("link", "2")], [1, 1]),
    "the same file by its other name": ([over("a.txt", "1"), over("other", "2")], [1, 1]),
    "the same new file": ([write("new", "1"), over("new", "2")], [1, 1]),
    "what is refused": ([over("a.txt"), write("a.txt/x"), over("sub/b.py")], [1, 2]),
    "new folders": ([write("x"), write("y/x", create_parents=True), write("y/z")], [1, 1, 1]),
    "other tools": ([over("a.txt"), (create_directory.TOOL, {"path": "y"}), over("sub/b.py")], [1, 1, 1]),
    "what is long": ([over("a.txt"), write("x", "x" * MOST_BYTES), write("y")], [1, 1, 1]),
    "too many": ([write(str(number)) for number in range(MOST_CHANGES + 1)], [MOST_CHANGES, 1]),
    "nothing": ([write("x"), write("y"), over("a.txt"), over("sub/b.py")], [4]),
}


@pytest.mark.parametrize("way", WAITS)
def test_what_has_to_wait_for_others_waits(recording: Context, root: Path, way: str) -> None:
    (root / "link").symlink_to("a.txt")
    (root / "other").hardlink_to(root / "a.txt")
    asked, expected = WAITS[way]
    sizes: list[int] = []
    together(recording, asked, sizes)
    assert sizes == expected


def test_the_second_change_of_a_file_sees_the_first(recording: Context, run: Run, root: Path) -> None:
    first, stale, second = together(
        recording,
        [
            over("a.txt", "one\n"),
            (write_file.TOOL, {**over("a.txt", "stale\n")[1], "expected_sha256": "0" * 64}),
            edit("a.txt", "one", "two"),
        ],
    )
    assert isinstance(first, write_file.Written)
    assert isinstance(stale, ToolFailure)
    assert isinstance(second, edit_file.FileEdited)
    assert (root / "a.txt").read_text() == "two\n"
    for change, content in zip(changes(run, recording), ("one\n", "alpha\n"), strict=True):
        run(recording, undo_change.TOOL, id=change.id)
        assert (root / "a.txt").read_text() == content


NAMES = st.sampled_from(("a.txt", "sub/b.py", "new", "sub/new", "link", "x/new", "new/below"))
ASKED = st.one_of(
    st.builds(over, NAMES, st.sampled_from(("1\n", "2\n"))),
    st.builds(write, NAMES, st.sampled_from(("1\n", "2\n"))),
    st.builds(lambda name: write(name, "more\n", append=True), NAMES),
    st.builds(lambda name: write(name, "deep\n", create_parents=True), NAMES),
    st.builds(edit, NAMES, st.sampled_from("1ab"), st.sampled_from("2c")),
    st.builds(lambda name: (create_directory.TOOL, {"path": name}), NAMES),
)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ASKED, min_size=2, max_size=10))
def test_it_is_as_if_they_were_made_one_after_another(writable: Context, root: Path, asked: list[Asked]) -> None:
    def outcome(make: Callable[[], list[Made | None]]) -> object:
        prepared(root)
        (root / "link").symlink_to("a.txt")
        return [told(each) for each in make()], look(root)

    apart = outcome(lambda: [made for each in asked for made in together(writable, [each])])
    assert outcome(lambda: together(writable, asked)) == apart


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_each_is_old_or_new_after_any_failed_call_and_told_as_it_is(
    opened: Open, run: Run, root: Path, number: int
) -> None:
    context = opened()
    prepared(root)
    before = look(root)
    together(context, FOUR)
    after, paths = look(root), [arguments["path"] for _, arguments in FOUR]
    alone = 0
    for at in range(200):
        prepared(root)
        with failing(at, number) as fault:
            made = together(context, FOUR)
        if not fault.failed:
            break
        found = look(root)
        for path, each in zip(paths, made, strict=True):
            assert found.get(path) in (before.get(path), after[path]), f"{fault.failed} failed: neither old nor new"
            if isinstance(each, ToolFailure):
                assert each.code in TYPED, f"{fault.failed}: {each.message}"
            else:
                assert found.get(path) == after[path], f"{fault.failed} failed, and nobody was told"
        alone += sum(isinstance(each, ToolFailure) for each in made) == 1
        sweep_all(root)
        assert drafts(root) == [], f"{fault.failed} failed: a draft is left"
        settle_history(context)
        kept = {each.path for each in changes(run, context) if each.progress == "made"}
        assert {path for path in paths if found.get(path) != before.get(path)} <= kept, fault.failed
    assert alone >= 20


def broken(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Let no flush of one file or folder succeed."""

    def breaking(real: Callable[[int], None]) -> Callable[[int], None]:
        def flush(fd: int) -> None:
            if os.fstat(fd).st_ino == place.stat().st_ino:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(fd)

        return flush

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, breaking(getattr(os, name)))


def test_a_folder_that_cannot_be_flushed_fails_for_all_that_is_in_it(
    recording: Context, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, root / "sub")
    one, elsewhere, other = together(recording, [write("sub/1"), write("1"), write("sub/2")])
    assert isinstance(elsewhere, write_file.Written)
    for made in (one, other):
        assert isinstance(made, ToolFailure), "nobody says that it lasts"
        assert made.details["errno"] == "EIO"


def test_nothing_is_changed_when_what_was_there_cannot_be_flushed(
    recording: Context, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together(recording, [write("first")])
    before = look(root)
    (kept,) = folder.glob("*.open")
    broken(monkeypatch, kept)
    for made in together(recording, [over("a.txt"), write("new"), over("sub/b.py")]):
        assert isinstance(made, ToolFailure)
        assert "could not be kept" in made.message
    assert look(root) == before
    assert drafts(root) == []


def test_for_lack_of_memory_one_is_not_made_and_those_before_it_are(recording: Context, root: Path) -> None:
    def exhausted() -> Steps[Made]:
        yield from ()
        raise MemoryError

    batch = Batch[Made]()
    assert batch.begin(stepping(recording, over("a.txt")))
    assert not batch.begin(exhausted()), "it might be told before those it came after"
    (made,) = batch.finish()
    assert isinstance(made, write_file.Written)
    batch = Batch[Made]()
    assert batch.begin(exhausted())
    assert batch.is_full
    assert batch.finish() == [None]


@pytest.mark.parametrize("kills", [pytest.param(20, id="few"), pytest.param(200, id="many", marks=pytest.mark.slow)])
def test_e12_each_is_old_or_new_whenever_their_maker_dies(opened: Open, run: Run, root: Path, kills: int) -> None:
    moments, names = random.Random(21), [f"sub/{number}" for number in range(6)]
    contents = {letter: letter * size for letter, size in (("a", 3000), ("b", 5000))}
    for name in names:
        (root / name).write_text(contents["a"])

    for _ in range(kills):
        context = opened(max_bytes=1 << 24)

        def work(context: Context = context) -> None:
            for content in contents.values():
                made = together(context, [over(name, content) for name in names])
                assert all(isinstance(each, write_file.Written) for each in made)

        killed_after(moments.uniform(0, 0.02), work)
        tidy_roots(context.space, 10.0)
        assert drafts(root) == []
        settle_history(context)
        newest = {each.path: each for each in reversed(changes(run, context))}
        for name in names:
            content = (root / name).read_text()
            assert content in contents.values(), "neither the old nor the new content"
            change = newest.get(name)
            assert change is None or (change.progress, change.size_after) == ("made", len(content))
