"""The imports of a start: hundreds of modules at once, of which next to nothing is garbage."""

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def begin() -> None:
    """Let the collector rest until somebody wakes it, and load msgspec by itself.

    Where `typing_extensions` is installed, msgspec takes from it what `typing` has as well since our oldest Python, and
    with it come `inspect`, `ast` and `tokenize`: 10 ms of each process's start. Others find it as ever.
    """
    gc.disable()
    name = "typing_extensions"
    if name in sys.modules or "msgspec" in sys.modules:
        return
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None: "there is none" (import)
    modules[name] = None
    try:
        import msgspec  # noqa: F401 # for its effect
    finally:
        del modules[name]
