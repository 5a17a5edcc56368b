"""All tools, in the order in which clients see them."""

from collections.abc import Iterable, Iterator

from filewarden.workers.tool import Tool
from filewarden.workers.tools import get_file_info, list_directory, read_file, search_files


class Catalogue:
    """An ordered set of tools, known by their names."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self.tools = tuple(tools)
        self._by_name = {tool.name: tool for tool in self.tools}

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def find(self, name: str) -> Tool | None:
        """Look a tool up by its exact name."""
        return self._by_name.get(name)

    def offered(self, *, scan: bool, write: bool) -> "Catalogue":
        """Select the tools of a configuration: with a scan worker or none, with a writable root or none."""
        return Catalogue(tool for tool in self.tools if (scan or not tool.scans) and (write or not tool.writes))


CATALOGUE = Catalogue((list_directory.TOOL, read_file.TOOL, search_files.TOOL, get_file_info.TOOL))
