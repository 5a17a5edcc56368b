"""One row for each setting, derived from the `Settings` tree: its key, kind, bounds, default, flag and variable."""

import functools
import types
from collections.abc import Callable
from enum import Enum, auto
from typing import Annotated, Literal, cast, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from filewarden.config.sections.profiles import OVERRIDDEN, ProfileSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings

VARIABLE_PREFIX = "FILEWARDEN_"


class Kind(Enum):
    """The shapes a setting's value can have."""

    SWITCH = auto()
    WHOLE = auto()
    NUMBER = auto()
    TEXT = auto()
    CHOICE = auto()
    LIST = auto()
    TABLE = auto()


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The least and greatest value; for a list or table, those of its items. Lengths are in characters or items."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    shortest: int | None = None
    longest: int | None = None

    def __str__(self) -> str:
        if self.above is not None:
            return f"above {self.above:g}, at most {self.at_most:g}"
        return "" if self.at_least is None else f"{_figure(self.at_least)} to {_figure(self.at_most)}"


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as the sources see it. `key` is dotted, such as `pool.workers`; a root's is the bare field name."""

    key: str
    section: str
    name: str
    kind: Kind
    bounds: Bounds
    items: Bounds
    choices: tuple[str, ...]
    sentence: str
    make_default: Callable[[], object] | None
    """None where a value must be given."""
    is_path: bool
    flag: str
    metavar: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return VARIABLE_PREFIX + self.key.replace(".", "_").upper()


@functools.cache
def options() -> dict[str, Option]:
    """Every setting outside `[[roots]]` and `[[profiles]]` by its dotted key, in the order of the tree."""
    rows = [
        _option(section.name, field)
        for section in fields(Settings)
        if isinstance(section.type, type)
        for field in fields(section.type)
    ]
    return {row.key: row for row in rows}


@functools.cache
def root_options() -> dict[str, Option]:
    """List the settings of one `[[roots]]` table by their names."""
    return {field.name: _option("", field) for field in fields(RootSettings)}


@functools.cache
def profile_options() -> dict[str, Option]:
    """List the settings of one `[[profiles]]` table by their names, without its roots and tables."""
    own = (field for field in fields(ProfileSettings) if field.name not in ("roots", *OVERRIDDEN))
    return {field.name: _option("", field) for field in own}


@functools.cache
def section_names() -> tuple[str, ...]:
    """List the tables of the file, without `roots` and `profiles`."""
    return tuple(dict.fromkeys(option.section for option in options().values()))


def _option(section: str, field: FieldInfo) -> Option:
    declared, meta = _split(field.type)
    item = _split(_item_type(declared))[1]
    kind = _kind(declared)
    extra = meta.extra or {}
    choices = cast("tuple[str, ...]", get_args(declared)) if kind is Kind.CHOICE else ()
    return Option(
        key=f"{section}.{field.name}" if section else field.name,
        section=section,
        name=field.name,
        kind=kind,
        bounds=_bounds(meta),
        items=_bounds(item),
        choices=choices,
        sentence=meta.description or "",
        make_default=_default(field),
        is_path=bool(extra.get("is_path")),
        flag=str(extra.get("flag", "")),
        metavar=str(extra.get("metavar", "|".join(choices))),
    )


def _split(declared: object) -> tuple[object, msgspec.Meta]:
    if get_origin(declared) is Annotated:
        plain, meta = get_args(declared)
        return plain, cast("msgspec.Meta", meta)
    return declared, msgspec.Meta()


def _item_type(declared: object) -> object:
    if get_origin(declared) is tuple:
        return get_args(declared)[0]
    return get_args(declared)[1] if get_origin(declared) is dict else str


def _kind(declared: object) -> Kind:
    plain: dict[object, Kind] = {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}
    generic: dict[object, Kind] = {Literal: Kind.CHOICE, tuple: Kind.LIST, dict: Kind.TABLE}
    return (
        plain[declared]
        if isinstance(declared, type) and not isinstance(declared, types.GenericAlias)
        else generic[get_origin(declared)]
    )


def _bounds(meta: msgspec.Meta) -> Bounds:
    return Bounds(at_least=meta.ge, above=meta.gt, at_most=meta.le, shortest=meta.min_length, longest=meta.max_length)


def _default(field: FieldInfo) -> Callable[[], object] | None:
    if field.default_factory is not msgspec.NODEFAULT:
        return cast("Callable[[], object]", field.default_factory)
    if field.default is msgspec.NODEFAULT:
        return None
    value: object = field.default
    return lambda: value


def _figure(number: float | None) -> str:
    return "any" if number is None else f"{number:.15g}"
