"""What differs between two configurations, in the words of the file: one line for each setting. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from filewarden.config.errors import printable
from filewarden.config.settings import Settings
from filewarden.config.values import written


def changes(before: Settings, after: Settings) -> tuple[str, ...]:
    """Every difference, such as `pool.workers: 4 -> 2`; tables of which there may be several go by their names."""
    return tuple(line for name in Settings.__struct_fields__ for line in _of(name, *_both(name, before, after)))


def _of(section: str, before: object, after: object) -> Iterator[str]:
    if isinstance(after, msgspec.Struct) and isinstance(before, msgspec.Struct):
        yield from _fields(section, before, after)
    elif isinstance(after, Sequence) and isinstance(before, Sequence):
        yield from _tables(section, _by_name(before), _by_name(after))


def _tables(section: str, before: Mapping[str, msgspec.Struct], after: Mapping[str, msgspec.Struct]) -> Iterator[str]:
    for name, table in before.items():
        key = f"{section}.{printable(name)}"
        if name in after:
            yield from _fields(key, table, after[name])
        else:
            yield f"{key}: removed"
    yield from (f"{section}.{printable(name)}: added" for name in after if name not in before)


def _fields(prefix: str, before: msgspec.Struct, after: msgspec.Struct) -> Iterator[str]:
    for name in after.__struct_fields__:
        old, new = _both(name, before, after)
        if old == new:
            continue
        if any(isinstance(each, msgspec.Struct) for each in (*_parts(old), *_parts(new))):
            yield from _of(f"{prefix}.{name}", old, new)  # a table within a table, as those of profiles
        else:
            yield f"{prefix}.{name}: {_shown(old)} -> {_shown(new)}"


def _parts(value: object) -> Sequence[object]:
    return value if isinstance(value, tuple) else (value,)


def _both(name: str, before: msgspec.Struct, after: msgspec.Struct) -> tuple[object, object]:
    return getattr(before, name), getattr(after, name)


def _by_name(tables: Sequence[object]) -> dict[str, msgspec.Struct]:
    return {str(getattr(table, "name", "")): table for table in tables if isinstance(table, msgspec.Struct)}


def _shown(value: object) -> str:
    return printable(written(value))
