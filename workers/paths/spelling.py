"""What a client's path text names: a root and the names beneath it, decided before the file system is touched."""

import os
from collections.abc import Sequence

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import names
from filewarden.workers.paths.refusals import denied
from filewarden.workers.paths.resolution import Names, beneath, normalise

MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255


class Place(msgspec.Struct, frozen=True):
    """A path as asked for: the root's position, or None for the list of roots, and the names in it, not normalised."""

    root: int | None
    names: Names


class Roots(msgspec.Struct, frozen=True):
    """What texts may name: each root's name, and the absolute paths (split at `/`) that mean it."""

    labels: tuple[bytes, ...]
    prefixes: tuple[tuple[Names, ...], ...]

    def locate(self, text: str) -> Place:
        """Where `text` points; raises `ToolFailure`, never touching the file system."""
        raw = _checked(text)
        parts: Names = tuple(raw.split(b"/"))
        if raw.startswith(b"/"):
            place = self._absolute(parts)
        elif len(self.labels) == 1:
            place = Place(0, parts)
        else:
            place = self._labelled(parts, text)
        if place is None or (b".." in parts and normalise(place.names) is None):
            raise denied(text)
        return place

    def _absolute(self, parts: Names) -> Place | None:
        # The shortest rest belongs to the innermost of nested roots.
        rests = [
            (len(rest), index, rest)
            for index, prefixes in enumerate(self.prefixes)
            for rest in beneath(parts, prefixes)
        ]
        if not rests:
            return None
        _, index, rest = min(rests)
        return Place(index, rest)

    def _labelled(self, parts: Names, text: str) -> Place | None:
        for at, part in enumerate(parts):
            if part in (b"", b"."):
                continue
            if part in self.labels:
                return Place(self.labels.index(part), parts[at + 1 :])
            if part == b"..":
                return None
            known = ", ".join(names.show(label) for label in self.labels)
            raise ToolFailure(
                Code.NOT_FOUND,
                f"Path not found: '{names.echo(text)}'. A path begins with the name of a root: {known}.",
            )
        return Place(None, ())


def split_absolute(paths: Sequence[str]) -> tuple[Names, ...]:
    """Absolute paths as names, each once."""
    found: dict[Names, None] = {}
    for path in paths:
        found[tuple(part for part in os.fsencode(path).split(b"/") if part not in (b"", b"."))] = None
    return tuple(found)


def _checked(text: str) -> bytes:
    if not text or text.isspace():
        raise ToolFailure(Code.INVALID_ARGUMENT, 'The path is empty. Give a path relative to the root, or "." for it.')
    if "\0" in text:
        raise ToolFailure(Code.INVALID_ARGUMENT, f"The path '{names.echo(text)}' holds a NUL character.")
    if text.startswith("\\\\"):
        raise denied(text)
    # An escape takes four characters for one byte, so a longer text cannot be a path that the kernel takes.
    raw: bytes | None = None
    if len(text) <= 4 * MAX_PATH_BYTES:
        raw = text.encode() if text.isascii() and "\\" not in text else names.parse(text)
    if raw is None or len(raw) > MAX_PATH_BYTES - 1:
        raise ToolFailure(
            Code.INVALID_ARGUMENT,
            f"The path '{names.echo(text)}' is too long: {MAX_PATH_BYTES - 1} bytes are allowed.",
        )
    if len(raw) > MAX_NAME_BYTES and any(len(part) > MAX_NAME_BYTES for part in raw.split(b"/")):
        raise ToolFailure(
            Code.INVALID_ARGUMENT,
            f"A name in the path '{names.echo(text)}' is too long: {MAX_NAME_BYTES} bytes are allowed.",
        )
    return raw
