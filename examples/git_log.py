"""A plugin: the history of a Git repository beneath the roots, read without a git program.

    [tools]
    plugins = ["/path/to/git_log.py"]

It reads `.git` as any folder: loose objects and packs (https://git-scm.com/docs/pack-format), with their deltas.
"""

import binascii
import bisect
import heapq
import struct
import zlib
from collections.abc import Callable
from typing import Annotated, BinaryIO

from msgspec import Meta, Struct, json

from filewarden.workers.plugins.api import Call, Code, ToolFailure, tool

MOST_OBJECT_BYTES = 16 * 1024 * 1024
MOST_INDEX_BYTES = 64 * 1024 * 1024
MOST_DELTAS = 60
KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
OFFSET_DELTA, REFERENCE_DELTA = 6, 7


class Commit(Struct, frozen=True):
    """One commit; `time` is that of the committer, in seconds since the epoch."""

    id: str
    parents: list[str]
    author: str
    time: int
    subject: str


class History(Struct, frozen=True):
    """The answer; `truncated` when there are more commits, or the time was over."""

    head: str
    commits: list[Commit]
    truncated: bool


@tool(lane="scan", title="Show a Git history")
def git_log(
    call: Call,
    path: Annotated[str, Meta(description="The folder that holds `.git`.")] = ".",
    revision: Annotated[str, Meta(max_length=200, description="A branch, a tag, or a whole commit id.")] = "HEAD",
    max_commits: Annotated[int, Meta(ge=1, le=500)] = 20,
) -> History:
    """Show the latest commits of a Git repository, the newest first."""
    repository = Repository(call, f"{path.rstrip('/')}/.git")
    try:
        return _history(call, repository, repository.find(revision), max_commits)
    except (zlib.error, struct.error, ValueError, IndexError, RecursionError):
        raise ToolFailure(Code.UNSUPPORTED, "The repository is damaged, or of a kind that is not known here.") from None
    finally:
        repository.close()


def _history(call: Call, repository: "Repository", head: str, most: int) -> History:
    waiting = [_entry(repository.commit(head))]
    seen, commits, room = {head}, list[Commit](), call.most_chars - 200
    while waiting and len(commits) < most and not call.is_overdue():
        commit = waiting[0][2]
        room -= len(json.encode(commit)) + 1
        if room < 0:
            break
        heapq.heappop(waiting)
        commits.append(commit)
        call.progress(len(commits), most)
        for parent in commit.parents:
            if parent not in seen:
                seen.add(parent)
                heapq.heappush(waiting, _entry(repository.commit(parent)))
    return History(head, commits, truncated=bool(waiting))


def _entry(commit: Commit) -> tuple[int, str, Commit]:
    return -commit.time, commit.id, commit


class Repository:
    """The objects and references of one `.git` folder."""

    def __init__(self, call: Call, folder: str) -> None:
        self._files = call.files
        self._folder = folder
        self._shallow = set(self._text("shallow").split())
        self._packs: list[Pack] | None = None

    def close(self) -> None:
        """Close the packs."""
        for pack in self._packs or ():
            pack.close()

    def find(self, revision: str) -> str:
        """The commit that a name stands for."""
        lines = [line.split(" ", 1) for line in self._text("packed-refs").splitlines() if " " in line]
        packed = {name: id_ for id_, name in lines}
        name = revision
        for _ in range(5):
            if len(name) == 40 and set(name) <= set("0123456789abcdef"):
                return self._peeled(name)
            for place in (name, f"refs/heads/{name}", f"refs/tags/{name}", f"refs/remotes/{name}"):
                found = (
                    "" if ".." in place or place.startswith("/") else self._text(place).strip() or packed.get(place, "")
                )
                if found:
                    break
            else:
                raise ToolFailure(Code.NOT_FOUND, f"There is no revision {revision!r} here: not found.")
            name = found.removeprefix("ref: ")
        raise ToolFailure(Code.UNSUPPORTED, "The reference leads in a circle.")

    def commit(self, id_: str) -> Commit:
        """Read one commit."""
        kind, content = self.object(id_)
        if kind != "commit":
            raise ToolFailure(Code.INVALID_ARGUMENT, f"{id_} is a {kind}, not a commit.")
        head, _, message = content.decode("utf-8", "replace").partition("\n\n")
        fields = [line.split(" ", 1) for line in head.splitlines() if " " in line and not line.startswith(" ")]
        parents = [] if id_ in self._shallow else [value for key, value in fields if key == "parent"]
        said = dict(reversed(fields))
        author, time = said["author"].rpartition(">")[0] + ">", int(said["committer"].split()[-2])
        return Commit(id_, parents, author, time, message.strip().split("\n", 1)[0][:500])

    def object(self, id_: str) -> tuple[str, bytes]:
        """Kind and content of an object, loose or packed."""
        loose = f"{self._folder}/objects/{id_[:2]}/{id_[2:]}"
        if self._files.exists(loose):
            whole = _inflated(self._files.read(loose, MOST_OBJECT_BYTES), MOST_OBJECT_BYTES)
            head, _, content = whole.partition(b"\0")
            return head.split(b" ")[0].decode(), content
        for pack in self._all_packs():
            offset = pack.offset(binascii.unhexlify(id_))
            if offset is not None:
                return pack.read(offset, self.object)
        raise ToolFailure(Code.NOT_FOUND, f"The object {id_} is not in the repository: not found.")

    def _peeled(self, id_: str) -> str:
        kind, content = self.object(id_)
        return content.split()[1].decode() if kind == "tag" else id_

    def _all_packs(self) -> list["Pack"]:
        if self._packs is None:
            folder = f"{self._folder}/objects/pack"
            names = [one.name for one in self._files.list(folder)] if self._files.exists(folder) else []
            stems = [name.removesuffix(".idx") for name in names if name.endswith(".idx")]
            self._packs = [
                Pack(
                    self._files.read(f"{folder}/{stem}.idx", MOST_INDEX_BYTES),
                    self._files.open(f"{folder}/{stem}.pack"),
                )
                for stem in stems
            ]
        return self._packs

    def _text(self, name: str) -> str:
        path = f"{self._folder}/{name}"
        return self._files.read(path, MOST_OBJECT_BYTES).decode("utf-8", "replace") if self._is_file(path) else ""

    def _is_file(self, path: str) -> bool:
        try:
            self._files.open(path).close()
        except ToolFailure:
            return False
        return True


class Pack:
    """One pack and its index, version 2."""

    def __init__(self, index: bytes, file: BinaryIO) -> None:
        if index[:8] != b"\xfftOc\0\0\0\x02":
            raise ValueError("not an index of version 2")
        self._file = file
        (self._count,) = struct.unpack_from(">I", index, 8 + 255 * 4)
        self._index = index
        self._ids = 8 + 256 * 4

    def close(self) -> None:
        """Close the pack."""
        self._file.close()

    def offset(self, id_: bytes) -> int | None:
        """Where an object begins."""
        place = bisect.bisect_left(range(self._count), id_, key=self._id)
        if place == self._count or self._id(place) != id_:
            return None
        small = self._ids + self._count * 24 + place * 4
        (offset,) = struct.unpack_from(">I", self._index, small)
        if offset & 0x80000000:
            (offset,) = struct.unpack_from(">Q", self._index, self._ids + self._count * 28 + (offset & 0x7FFFFFFF) * 8)
        return int(offset)

    def read(self, offset: int, other: Callable[[str], tuple[str, bytes]], depth: int = 0) -> tuple[str, bytes]:
        """Kind and content of the object at an offset, its deltas applied."""
        if depth > MOST_DELTAS:
            raise ValueError("too many deltas")
        self._file.seek(offset)
        number, size = self._header()
        if number in KINDS:
            return KINDS[number], self._content(size)
        if number == OFFSET_DELTA:
            back = self._distance()
            delta = self._content(size)
            kind, base = self.read(offset - back, other, depth + 1)
        elif number == REFERENCE_DELTA:
            id_ = self._file.read(20).hex()
            delta = self._content(size)
            kind, base = other(id_)
        else:
            raise ValueError("an unknown kind of object")
        return kind, _applied(delta, base)

    def _id(self, place: int) -> bytes:
        return self._index[self._ids + place * 20 : self._ids + place * 20 + 20]

    def _header(self) -> tuple[int, int]:
        (byte,) = self._file.read(1)
        number, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            (byte,) = self._file.read(1)
            size |= (byte & 0x7F) << shift
            shift += 7
        return number, size

    def _distance(self) -> int:
        (byte,) = self._file.read(1)
        distance = byte & 0x7F
        while byte & 0x80:
            (byte,) = self._file.read(1)
            distance = (distance + 1) << 7 | byte & 0x7F
        return distance

    def _content(self, size: int) -> bytes:
        if size > MOST_OBJECT_BYTES:
            raise ToolFailure(Code.TOO_LARGE, "An object of the repository is too large.")
        inflate, content = zlib.decompressobj(), b""
        while not inflate.eof:
            block = self._file.read(4096)
            if not block:
                raise ValueError("the pack ends early")
            content += inflate.decompress(block, MOST_OBJECT_BYTES)
            if len(content) > size:
                raise ValueError("an object is larger than it says")
        return content


def _inflated(packed: bytes, most: int) -> bytes:
    inflate = zlib.decompressobj()
    content = inflate.decompress(packed, most)
    if not inflate.eof:
        raise ToolFailure(Code.TOO_LARGE, "An object of the repository is too large.")
    return content


def _applied(delta: bytes, base: bytes) -> bytes:
    """Copy parts of the base and insert new bytes, as the delta says (pack-format, "Deltified representation")."""
    _, at = _length(delta, 0)
    size, at = _length(delta, at)
    if size > MOST_OBJECT_BYTES:
        raise ToolFailure(Code.TOO_LARGE, "An object of the repository is too large.")
    content = bytearray()
    while at < len(delta) and len(content) <= size:
        command = delta[at]
        at += 1
        if command & 0x80:
            start = length = 0
            for bit in range(7):
                if command & 1 << bit:
                    value, at = delta[at], at + 1
                    if bit < 4:
                        start |= value << 8 * bit
                    else:
                        length |= value << 8 * (bit - 4)
            content += base[start : start + (length or 0x10000)]
        else:
            content += delta[at : at + command]
            at += command
    return bytes(content)


def _length(delta: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = delta[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
