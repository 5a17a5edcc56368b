"""A confined worker can read no code from disk: whatever a tool may import at first need is loaded in its zygote."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from filewarden.workers.catalogue import CATALOGUE, Listed

ROOT = Path(__file__).parent.parent.parent
START = ("filewarden.workers.worker", "filewarden.workers.joining", "filewarden.workers.place")
ONLY_WHERE_SOMETHING_IS_WRITTEN = {
    "filewarden.workers.changes",
    "filewarden.workers.history.store",
    "filewarden.workers.steps",
    "filewarden.workers.writing.housekeeping",
}
"""What `worker` loads by its role."""
LOADED = """
import json, sys
import filewarden.workers.worker
from filewarden.workers import zygote
from filewarden.workers.catalogue import CATALOGUE
zygote._import_worker_side(getattr(zygote, sys.argv[1]))
CATALOGUE.offered(scan=True, write=sys.argv[2] == "write").load()
print(json.dumps(sorted(sys.modules)))
"""


def path_of(module: str) -> Path | None:
    place = ROOT / module.removeprefix("filewarden.").replace(".", "/")
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)


def imports_below(node: ast.AST) -> Iterator[str]:
    """Every module that is imported at whatever time, but not what is there for types alone."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names if path_of(f"{module}.{alias.name}"))
            case _:
                yield from imports_below(child)


@cache
def imported_by(module: str) -> frozenset[str]:
    path = path_of(module) if module.startswith("filewarden.") else None
    return frozenset(imports_below(ast.parse(path.read_text())) if path else ())


def needed(start: Iterable[str], but: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        module = waiting.pop()
        if module not in found and module not in but:
            found.add(module)
            waiting += imported_by(module)
    return found


@pytest.mark.parametrize(
    ("left_out", "mode", "but"),
    [
        ("NOT_FOR_READERS", "read", ONLY_WHERE_SOMETHING_IS_WRITTEN),
        ("NOT_FOR_WORKERS", "write", set[str]()),
    ],
)
def test_whatever_a_worker_may_import_is_there(left_out: str, mode: str, but: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED, left_out, mode], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = set(json.loads(done.stdout))
    tools = [each for each in CATALOGUE.entries if isinstance(each, Listed) and (mode == "write" or not each.writes)]
    missing = needed([*START, *(each.module for each in tools)], but) - loaded
    assert missing <= {"msgpack"}  # of what the other side of the wire reads


def test_a_reader_does_without_what_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED, "NOT_FOR_READERS", "read"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    loaded = set(json.loads(done.stdout)) - brought_by("ctypes")
    assert not [name for name in loaded if name.startswith(("filewarden.workers.writing", "filewarden.broker"))]
    assert {"threading", "socket", "selectors", "traceback", "difflib", "random"}.isdisjoint(loaded)


def brought_by(module: str) -> set[str]:
    """What this Python loads with a module of its own: 3.14 needs `threading` for `ctypes`."""
    code = f"import {module}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.split())
