"""The servers that are compared: how each is started, and how it is asked for the same thing."""

import os
import sys
from collections.abc import Mapping, Sequence

import msgspec

from bench.ground import BIG_FILE, LONG_FOLDER, MISSING_PATTERN, SMALL_FILE, TEN_FOLDER, TREE_FOLDER


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


def our_peer(ground: str) -> Peer:
    """Filewarden, as installed beside the Python that runs the benchmark."""
    from importlib.metadata import version

    program = os.path.join(os.path.dirname(sys.executable), "filewarden")
    return Peer(
        name="ours",
        version=version("filewarden"),
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
        name="reference",
        version=version,
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


def _call(tool: str, **arguments: object) -> Question:
    return Question("tools/call", {"name": tool, "arguments": arguments})
