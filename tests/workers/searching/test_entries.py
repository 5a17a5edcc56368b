"""A folder read in batches against the same folder looked at entry by entry."""

import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.workers.searching import entries
from filewarden.workers.searching.entries import Entries, Reading, Whole

MARKER = b".marker"
NAMES = st.one_of(
    st.just(MARKER),
    st.text("ab.\n\\é", min_size=1, max_size=5).map(os.fsencode),
    st.binary(min_size=1, max_size=4).map(lambda raw: raw.translate(None, b"/\0") or b"x"),
).filter(lambda name: name not in (b".", b".."))
KINDS = st.sampled_from(["file", "folder", "link", "pipe"])


def fill(place: Path, content: dict[bytes, str]) -> None:
    for name, kind in content.items():
        path = os.path.join(os.fsencode(place), name)
        if kind == "file":
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        elif kind == "folder":
            os.mkdir(path)
        elif kind == "link":
            os.symlink("nowhere", path)
        else:
            os.mkfifo(path)


def one_by_one(fd: int, reading: Reading) -> Entries:
    """What a reading means."""
    found = Entries()
    for name in map(os.fsencode, os.listdir(fd)):
        state = os.stat(name, dir_fd=fd, follow_symlinks=False)
        found.has_marker = found.has_marker or name == os.fsencode(reading.marker)
        if reading.hides_dotted and name.startswith(b"."):
            continue
        if stat.S_ISDIR(state.st_mode):
            if reading.leaves_folders:
                continue
            found.folders.append(name)
        else:
            is_wanted = reading.wants_file is None or reading.wants_file(name)
            if not is_wanted or reading.fixed.encode() not in name:
                continue
            found.files.append(name)
            if stat.S_ISLNK(state.st_mode):
                found.links.append(name)
            elif not stat.S_ISREG(state.st_mode):
                found.specials.append(name)
        if state.st_ino in reading.inodes:
            found.suspects.append(name)
    return found


def in_order(found: Entries) -> list[list[bytes]]:
    suspects = set(found.suspects) & {*found.folders, *found.files}
    return [sorted(names) for names in (found.folders, found.files, found.links, found.specials, suspects)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.dictionaries(NAMES, KINDS, max_size=12),
    batch=st.sampled_from([1, 3, 2048]),
    fixed=st.sampled_from(["", "a", ".", "ab"]),
    wants=st.sampled_from([None, rb"(?s).*", rb"(?s).*[ab].?", rb"none"]),
    leaves_folders=st.booleans(),
    hides_dotted=st.booleans(),
    data=st.data(),
)
def test_batches_tell_what_looking_at_each_entry_tells(
    tmp_path_factory: pytest.TempPathFactory,
    content: dict[bytes, str],
    batch: int,
    fixed: str,
    wants: bytes | None,
    leaves_folders: bool,
    hides_dotted: bool,
    data: st.DataObject,
) -> None:
    place = tmp_path_factory.mktemp("folder")
    fill(place, content)
    fd = os.open(place, os.O_RDONLY)
    try:
        numbers = [os.stat(name, dir_fd=fd, follow_symlinks=False).st_ino for name in content]
        reading = Reading(
            wants_file=None if wants is None else re.compile(wants).fullmatch,
            fixed=fixed,
            leaves_folders=leaves_folders,
            hides_dotted=hides_dotted,
            inodes=frozenset(data.draw(st.sets(st.sampled_from(numbers)))) if numbers else frozenset(),
            marker=os.fsdecode(MARKER),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(entries, "_BATCH", batch)
            found = reading.of(fd)
            again = reading.part_of(Whole.of(reading.anything().of(fd) or Entries()))
        expected = one_by_one(fd, reading)
    finally:
        os.close(fd)
    if found is None:
        assert in_order(expected) == [[], [], [], [], []]
    else:
        assert in_order(found) == in_order(expected)
        assert found.has_marker == expected.has_marker
    assert in_order(again or Entries()) == in_order(expected)
    assert again is None or again.has_marker == expected.has_marker


def test_what_is_kept_of_a_folder_tells_what_its_names_take() -> None:
    names = [b"name%06d" % number for number in range(1000)]
    least = sum(map(len, names))
    nothing = Whole.of(Entries()).bytes
    for one in (Entries(folders=names), Entries(files=names), Entries(links=names), Entries(specials=names)):
        assert least < Whole.of(one).bytes - nothing < 6 * least
    assert Whole.of(Entries(suspects=names)).bytes - nothing > least
    assert Whole.of(Entries(files=names)).entries.files == [], "they are not kept twice"
