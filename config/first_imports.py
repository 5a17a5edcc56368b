"""The imports of a start: hundreds of modules at once, of which next to nothing is garbage.

Two libraries import what they hardly use, and it costs each process of a start more than they do themselves. While they
are imported something stands in for it; whoever else imports it finds it as ever.
"""

import gc
import os
import sys

from filewarden.config.startup_cache import StartupCache

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported before msgspec asks for it
    from collections.abc import Mapping
    from typing import Any


class _Platform:
    """As much of `platform` as is asked for at an import: by `uuid` until Python 3.12, and by ZeroMQ's library."""

    @staticmethod
    def system() -> str:
        """The name of this system's kernel."""
        return os.uname().sysname

    @staticmethod
    def python_implementation() -> str:
        """The name of the interpreter, as far as it is asked about."""
        return "PyPy" if sys.implementation.name == "pypy" else "CPython"


class _Pickle:
    """As much of `pickle` as ZeroMQ's library asks for at its import; nothing here sends or takes pickled objects."""

    DEFAULT_PROTOCOL = None


class _Textwrap:
    """What of `textwrap` msgspec uses, which compiles its patterns at its import: the real one, when it is asked."""

    @staticmethod
    def dedent(text: str) -> str:
        """Without the margin that all lines have."""
        import textwrap

        return textwrap.dedent(text)


class _Nothing:
    """What is imported and not used."""


class _Constants(type):
    """Classes whose members are constants: as much of `enum` as ZeroMQ's four hundred need, at a tenth of the time."""

    _members: "dict[object, Any]"

    def __new__(cls, name: str, bases: tuple[type, ...], body: "dict[str, Any]") -> "Any":
        """Make a class, and its members of what is a number, a text, or a tuple of what makes one."""
        given = {key: value for key, value in body.items() if key[0] != "_" and isinstance(value, (int, str, tuple))}
        rest = {key: value for key, value in body.items() if key not in given}
        members: dict[object, Any] = {}
        made: Any = super().__new__(cls, name, bases, {**rest, "_members": members})
        for key, value in given.items():
            member = made.__new__(made, *(value if isinstance(value, tuple) else (value,)))
            if member not in members:
                member.name = key
            setattr(made, key, members.setdefault(member, member))
        return made

    def __call__(cls, value: object) -> "Any":
        """The member with a value; raises ValueError."""
        try:
            return cls._members[value]
        except KeyError:
            raise ValueError(value) from None

    @property
    def __members__(cls) -> "dict[str, Any]":
        """The members by their names."""
        return {member.name: member for member in cls._members.values()}


class _Number(int, metaclass=_Constants):
    pass


class _Word(str, metaclass=_Constants):
    pass


class _Enum:
    """What stands in for `enum`."""

    Enum = _Word
    IntEnum = IntFlag = _Number


def begin(kind: str) -> StartupCache:
    """Let the collector rest until somebody wakes it, and load msgspec without what it has no use for.

    Where `typing_extensions` is installed, msgspec takes from it what `typing` has as well since our oldest Python, and
    with it come `inspect`, `ast` and `tokenize`: 10 ms.

    What this kind of process imports comes from its cache, until whoever gets that closes it.
    """
    gc.disable()
    cache = StartupCache(kind)
    cache.open()
    _load("msgspec", {"typing_extensions": None, "platform": _Platform, "textwrap": _Textwrap, **_dates()})
    return cache


def _dates() -> "dict[str, object]":
    """What stands in for `datetime`: its own half in C, which overwrites all of the other one until Python 3.12."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return {}
    import _datetime  # type: ignore[import-not-found]

    return {"datetime": _datetime}


def load_msgpack() -> None:
    """Load MessagePack's library without the half of `datetime` that it would bring."""
    _load("msgpack", _dates())


def load_zmq() -> None:
    """Load ZeroMQ's library without what its more comfortable methods would need, which nothing here calls: 6 ms.

    Its constants come first, alone: nobody else may meet what stands in for `enum`, which saves 8 ms.
    """
    if "zmq" not in sys.modules:
        _load_constants()
    _load("zmq", {"platform": _Platform, "pickle": _Pickle, "random": _Nothing, "json": _Nothing})


def _load_constants() -> None:
    """Load `zmq.constants` before the package that it is in, which then finds it loaded; or leave it to the package."""
    from importlib.machinery import PathFinder

    name = "zmq.constants"
    package = PathFinder.find_spec("zmq")
    spec = None if package is None else PathFinder.find_spec(name, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        return
    modules: dict[str, object] = sys.modules  # type: ignore[assignment] # they need not be modules (import)
    module = type(sys)(name)
    module.__spec__, module.__package__, module.__file__ = spec, "zmq", spec.origin
    before = modules.get("enum")
    modules["enum"] = _Enum
    try:
        spec.loader.exec_module(module)
        modules[name] = module
    except (ImportError, AttributeError, TypeError):
        pass  # a release that asks more of `enum`
    finally:
        del modules["enum"]
        if before is not None:
            modules["enum"] = before


def _load(library: str, stand_ins: "Mapping[str, object]") -> None:
    """Import a library; None stands for a module that does not exist."""
    if library in sys.modules:
        return
    modules: dict[str, object] = sys.modules  # type: ignore[assignment] # they need not be modules (import)
    absent = [name for name in stand_ins if name not in modules]
    modules.update({name: stand_ins[name] for name in absent})
    try:
        __import__(library)
    finally:
        for name in absent:
            del modules[name]
