"""All tools, in the order in which clients see them."""

from collections.abc import Collection, Iterable, Iterator

from filewarden.workers.methods import complete, find_outcome, list_resources, locate_resources, read_resource
from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.prompt import Prompt
from filewarden.workers.tool import Tool
from filewarden.workers.tools import (
    copy_file,
    create_directory,
    delete_file,
    directory_tree,
    edit_file,
    get_file_info,
    list_allowed_directories,
    list_changes,
    list_directory,
    move_file,
    read_file,
    read_media_file,
    read_multiple_files,
    restore_deleted,
    search_files,
    search_text,
    undo_change,
    write_file,
)

GROUPS = ("@read", "@scan", "@write", "@resources")
"""What an operator may name instead of single tools; the last one is no tools, but resources and their completion."""
_OF_RESOURCES = ("resources/", "completion/")


class Catalogue:
    """An ordered set of tools, known by their names, and the operations behind other methods of the protocol.

    An operation is named like its method, such as `resources/read`, and is offered by that method alone.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        operations: Iterable[Tool] = (),
        prompts: Iterable[Prompt] = (),
        templates: Iterable[ResourceTemplate] = (),
    ) -> None:
        self.tools = tuple(tools)
        self.operations = tuple(operations)
        self.prompts = tuple(prompts)
        self.templates = tuple(templates)
        self._by_name = {tool.name: tool for tool in self.tools}
        self._operations = self._by_name | {tool.name: tool for tool in self.operations}

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def find(self, name: str) -> Tool | None:
        """Look a tool up by its exact name."""
        return self._by_name.get(name)

    def operation(self, name: str) -> Tool | None:
        """Look up whatever a worker can run: a tool, or the operation behind a method."""
        return self._operations.get(name)

    def offered(self, *, scan: bool, write: bool, history: bool = True, only: Collection[str] = ()) -> "Catalogue":
        """Select the tools of a configuration: with a scan worker, a writable root, a history, or without.

        Where `only` names any, no others: by their names, and by `GROUPS`.
        """
        tools = (
            tool
            for tool in self.tools
            if (scan or not tool.scans)
            and (write or not tool.writes)
            and (history or not tool.needs_history)
            and (not only or tool.name in only or _group_of(tool) in only)
        )
        if not only or "@resources" in only:
            return Catalogue(tools, self.operations, self.prompts, self.templates)
        operations = (each for each in self.operations if not each.name.startswith(_OF_RESOURCES))
        return Catalogue(tools, operations, self.prompts)


def _group_of(tool: Tool) -> str:
    if tool.writes:
        return "@write"
    return "@scan" if tool.scans else "@read"


CATALOGUE = Catalogue(
    (
        list_directory.TOOL,
        read_file.TOOL,
        search_files.TOOL,
        get_file_info.TOOL,
        search_text.TOOL,
        directory_tree.TOOL,
        read_multiple_files.TOOL,
        read_media_file.TOOL,
        list_allowed_directories.TOOL,
        write_file.TOOL,
        edit_file.TOOL,
        create_directory.TOOL,
        move_file.TOOL,
        copy_file.TOOL,
        delete_file.TOOL,
        restore_deleted.TOOL,
        list_changes.TOOL,
        undo_change.TOOL,
    ),
    (
        list_resources.OPERATION,
        read_resource.OPERATION,
        locate_resources.OPERATION,
        complete.OPERATION,
        find_outcome.OPERATION,
    ),
)
