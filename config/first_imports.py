"""The imports of a start: hundreds of modules at once, of which next to nothing is garbage.

Two libraries import what they hardly use, and it costs each process of a start more than they do themselves. While they
are imported something stands in for it; whoever else imports it finds it as ever.
"""

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported before msgspec asks for it
    from collections.abc import Mapping


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


def begin() -> None:
    """Let the collector rest until somebody wakes it, and load msgspec without what it has no use for.

    Where `typing_extensions` is installed, msgspec takes from it what `typing` has as well since our oldest Python, and
    with it come `inspect`, `ast` and `tokenize`: 10 ms.
    """
    gc.disable()
    _load("msgspec", {"typing_extensions": None, "platform": _Platform, "textwrap": _Textwrap})


def load_zmq() -> None:
    """Load ZeroMQ's library without what its more comfortable methods would need, which nothing here calls: 6 ms."""
    _load("zmq", {"platform": _Platform, "pickle": _Pickle, "random": _Nothing, "json": _Nothing})


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
