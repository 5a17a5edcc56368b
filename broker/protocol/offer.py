"""What all clients with the same rights are offered: the tools, and the answers that never differ between them."""

from collections.abc import Iterable

from filewarden.broker.protocol import shape
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.revisions import Revision


class Offer:
    """Made once and shared by sessions; each finished answer is rendered at first need and kept."""

    def __init__(self, tools: Iterable[OfferedTool], *, server_version: str, instructions: str | None = None) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self._server_version = server_version
        self._instructions = instructions
        self._lists: dict[str, bytes] = {}

    def tools_list(self, revision: Revision) -> bytes:
        """Render the result of `tools/list`: the same bytes for every client of the revision."""
        found = self._lists.get(revision.name)
        if found is None:
            found = self._lists[revision.name] = shape.tools_list(self.tools.values(), revision)
        return found

    def initialize_result(self, revision: Revision) -> bytes:
        """Render the result of `initialize`."""
        return shape.initialize_result(self._server_version, self._instructions, revision)
