"""The arguments of a call that name files, whichever tool it is. Pure."""

import functools
from collections.abc import Iterator

import msgspec

PATH_NAMES = ("path", "paths", "source", "destination", "uri", "uris")
"""The arguments of operations that name files. A test holds every operation to it."""


def texts(arguments: msgspec.Struct, names: tuple[str, ...] = PATH_NAMES) -> Iterator[str]:
    """What the arguments of these names hold, lists one by one, empty ones left out."""
    for name in present(type(arguments), names):
        value = getattr(arguments, name)
        if isinstance(value, str):
            if value:
                yield value
        elif isinstance(value, list | tuple):
            yield from (each for each in value if isinstance(each, str))


@functools.cache
def present(arguments: type[msgspec.Struct], names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the names that a tool's arguments have."""
    return tuple(name for name in names if name in arguments.__struct_fields__)
