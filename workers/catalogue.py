"""All tools, in the order in which clients see them.

A start loads none of them: the table says what a server must know of a tool before anybody calls it, and where it is.
`tests/workers/test_catalogue.py` holds the table against the tools.
"""

import importlib
from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar

import msgspec

from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.prompt import Prompt
from filewarden.workers.tool import ListKind, Tool


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that is loaded at first need; the fields say the same as its own."""

    PACKAGE: ClassVar[str] = "filewarden.workers.tools"
    name: str
    scans: bool = False
    writes: bool = False
    needs_history: bool = False
    changes: ListKind | None = None
    other_names: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """What defines it: one file, named after it."""
        return f"{self.PACKAGE}.{self.name}"

    def load(self) -> Tool:
        """The tool itself."""
        tool: Tool = importlib.import_module(self.module).TOOL
        return tool


class ListedOperation(Listed, frozen=True, kw_only=True):
    """An operation that is loaded at first need; the file has the name of the method, the verb first."""

    PACKAGE: ClassVar[str] = "filewarden.workers.methods"
    file: str

    @property
    def module(self) -> str:
        """What defines it."""
        return f"{self.PACKAGE}.{self.file}"

    def load(self) -> Tool:
        """The operation itself."""
        operation: Tool = importlib.import_module(self.module).OPERATION
        return operation


GROUPS = ("@read", "@scan", "@write", "@resources")
"""What an operator may name instead of single tools; the last one is no tools, but resources and their completion."""
_OF_RESOURCES = ("resources/", "completion/")


class Catalogue:
    """An ordered set of tools, known by their names, and the operations behind other methods of the protocol.

    An operation is named like its method, such as `resources/read`, and is offered by that method alone.
    """

    def __init__(
        self,
        tools: Iterable[Tool | Listed],
        operations: Iterable[Tool | Listed] = (),
        prompts: Iterable[Prompt] = (),
        templates: Iterable[ResourceTemplate] = (),
    ) -> None:
        self.entries = tuple(tools)
        """Every tool, whether it is loaded or not."""
        self.listed_operations = tuple(operations)
        """Likewise."""
        self.prompts = tuple(prompts)
        self.templates = tuple(templates)
        self._names = frozenset(entry.name for entry in self.entries)
        self._runnable = {entry.name: entry for entry in (*self.entries, *self.listed_operations)}
        """By name; loaded ones take the place of their entries."""

    def __iter__(self) -> Iterator[Tool]:
        return (self._loaded(entry.name) for entry in self.entries)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Every tool, loaded."""
        return tuple(self)

    @property
    def operations(self) -> tuple[Tool, ...]:
        """Every operation, loaded."""
        return tuple(self._loaded(entry.name) for entry in self.listed_operations)

    def find(self, name: str) -> Tool | None:
        """Look a tool up by its exact name."""
        return self._loaded(name) if name in self._names else None

    def has_tool(self, name: str) -> bool:
        """Whether there is a tool of that name."""
        return name in self._names

    def has_operation(self, name: str) -> bool:
        """Whether a worker can run that: a tool, or the operation behind a method."""
        return name in self._runnable

    def operation(self, name: str) -> Tool | None:
        """Look up whatever a worker can run."""
        entry = self._runnable.get(name)
        return entry if entry is None or isinstance(entry, Tool) else self._loaded(name)

    def offered(self, *, scan: bool, write: bool, history: bool = True, only: Collection[str] = ()) -> "Catalogue":
        """Select the tools of a configuration: with a scan worker, a writable root, a history, or without.

        Where `only` names any, no others: by their names, and by `GROUPS`.
        """
        entries = (
            entry
            for entry in self.entries
            if (scan or not entry.scans)
            and (write or not entry.writes)
            and (history or not entry.needs_history)
            and (not only or entry.name in only or _group_of(entry) in only)
        )
        if not only or "@resources" in only:
            return Catalogue(entries, self.listed_operations, self.prompts, self.templates)
        operations = (each for each in self.listed_operations if not each.name.startswith(_OF_RESOURCES))
        return Catalogue(entries, operations, self.prompts)

    def load(self) -> None:
        """Load everything: what runs in a confined worker must be there before."""
        for name in self._runnable:
            self._loaded(name)

    def load_one(self) -> bool:
        """Load one that is not loaded yet; False when all are."""
        name = next((name for name, entry in self._runnable.items() if not isinstance(entry, Tool)), None)
        if name is not None:
            self._loaded(name)
        return name is not None

    def _loaded(self, name: str) -> Tool:
        entry = self._runnable[name]
        if not isinstance(entry, Tool):
            entry = self._runnable[name] = entry.load()
        return entry


def _group_of(entry: Tool | Listed) -> str:
    if entry.writes:
        return "@write"
    return "@scan" if entry.scans else "@read"


CATALOGUE = Catalogue(
    (
        Listed(name="list_directory", other_names=("list_directory_with_sizes",)),
        Listed(name="read_file", other_names=("read_text_file",)),
        Listed(name="search_files", scans=True),
        Listed(name="get_file_info"),
        Listed(name="search_text", scans=True),
        Listed(name="directory_tree", scans=True),
        Listed(name="read_multiple_files"),
        Listed(name="read_media_file"),
        Listed(name="list_allowed_directories"),
        Listed(name="write_file", writes=True),
        Listed(name="edit_file", writes=True),
        Listed(name="create_directory", writes=True),
        Listed(name="move_file", writes=True),
        Listed(name="copy_file", writes=True),
        Listed(name="delete_file", writes=True),
        Listed(name="restore_deleted", writes=True),
        Listed(name="list_changes", writes=True, needs_history=True),
        Listed(name="undo_change", writes=True, needs_history=True),
    ),
    (
        ListedOperation(name="resources/list", file="list_resources"),
        ListedOperation(name="resources/read", file="read_resource"),
        ListedOperation(name="resources/subscribe", file="locate_resources"),
        ListedOperation(name="completion/complete", file="complete"),
        ListedOperation(name="filewarden/find_outcome", file="find_outcome", writes=True, needs_history=True),
    ),
)
