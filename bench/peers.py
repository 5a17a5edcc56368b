"""The servers that are compared: how each is started, and how it is asked for the same thing."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence

import msgspec

from bench.ground import BIG_FILE, LONG_FOLDER, MISSING_PATTERN, SMALL_FILE, TEN_FOLDER, TREE_FOLDER
from bench.results import FLOOR, ORIGINAL, OURS, PLAIN, REFERENCE


class Question(msgspec.Struct, frozen=True):
    """One request: a JSON-RPC method and its params."""

    method: str
    params: Mapping[str, object]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A server under measurement, with its questions by operation: ping, read, big, stat, list, long, scan."""

    name: str
    version: str
    command: Sequence[str]
    questions: Mapping[str, Question]
    ground: str = ""
    """The folder that it serves."""
    environ: Mapping[str, str] = {}
    """What it finds in its environment beyond the bare one."""


def our_peer(ground: str) -> Peer:
    """Filewarden, as installed beside the Python that runs the benchmark."""
    from importlib.metadata import version

    program = os.path.join(os.path.dirname(sys.executable), "filewarden")
    return Peer(
        name=OURS,
        version=version("filewarden"),
        ground=ground,
        command=(program, "serve", ground),
        questions={
            "ping": Question("ping", {}),
            "read": _call("read_file", path=SMALL_FILE),
            "big": _call("read_file", path=BIG_FILE),
            "stat": _call("get_file_info", path=SMALL_FILE),
            "list": _call("list_directory", path=TEN_FOLDER),
            "long": _call("list_directory", path=LONG_FOLDER),
            "scan": _call("search_files", path=TREE_FOLDER, pattern=MISSING_PATTERN, recursive=True),
        },
    )


def reference_peer(ground: str, node: str, script: str, version: str) -> Peer:
    """The reference filesystem server of the Model Context Protocol project."""
    return Peer(
        name=REFERENCE,
        version=version,
        ground=ground,
        command=(node, script, ground),
        questions={
            "ping": Question("ping", {}),
            "read": _call("read_text_file", path=os.path.join(ground, SMALL_FILE)),
            "big": _call("read_text_file", path=os.path.join(ground, BIG_FILE)),
            "stat": _call("get_file_info", path=os.path.join(ground, SMALL_FILE)),
            "list": _call("list_directory", path=os.path.join(ground, TEN_FOLDER)),
            "long": _call("list_directory_with_sizes", path=os.path.join(ground, LONG_FOLDER)),
            "scan": _call("search_files", path=os.path.join(ground, TREE_FOLDER), pattern=MISSING_PATTERN),
        },
    )


def original_peer(ground: str, script: str) -> Peer:
    """The single-file server that this design comes from: whoever measures it names a copy of it."""
    return Peer(
        name=ORIGINAL,
        version="as named",
        ground=ground,
        command=(sys.executable, script, "--root", ground),
        questions=_plain_questions(),
    )


def plain_peer(ground: str, python: str) -> Peer:
    """A plain server on the official Python SDK (bench/baseline.py)."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline.py")
    command = (python, script, ground)
    return Peer(name=PLAIN, version="2.x", ground=ground, command=command, questions=_plain_questions())


def floor_peer(ground: str) -> Peer:
    """The bare loop (bench/floor.py), on the Python that runs the benchmark."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor.py")
    return Peer(
        name=FLOOR,
        version=platform.python_version(),
        ground=ground,
        command=(sys.executable, "-I", script, ground),
        questions=_plain_questions(),
    )


def _plain_questions() -> dict[str, Question]:
    """All have the same tools, with the same names as ours."""
    return {
        "ping": Question("ping", {}),
        "read": _call("read_file", path=SMALL_FILE),
        "big": _call("read_file", path=BIG_FILE),
        "stat": _call("get_file_info", path=SMALL_FILE),
        "list": _call("list_directory", path=TEN_FOLDER),
        "long": _call("list_directory", path=LONG_FOLDER),
    }


def _call(tool: str, **arguments: object) -> Question:
    return Question("tools/call", {"name": tool, "arguments": arguments})
