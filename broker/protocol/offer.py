"""What all clients with the same rights are offered, and the answers that never differ between them."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from filewarden.broker.protocol import listing, shape
from filewarden.broker.protocol.identity import server_info
from filewarden.broker.protocol.offered import MadeTools, OfferedTool, Tools
from filewarden.broker.protocol.response import encode
from filewarden.broker.protocol.revisions import MODERN_VERSIONS, Era, Revision
from filewarden.broker.protocol.shape import LISTED
from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.prompt import Prompt

TASKS = "io.modelcontextprotocol/tasks"


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What works beside tools, and so is declared; everything else is answered "method not found"."""

    resources: bool = False
    watching: bool = False
    """Changes of resources are told of."""
    completions: bool = False
    logging: bool = False
    tasks: bool = False
    changing_tools: bool = False
    """A changed list of tools is told of; likewise the others."""
    changing_prompts: bool = False
    changing_resources: bool = False


class Offer:
    """Shared by all sessions; each finished answer is rendered at first need and kept, until the offer changes."""

    def __init__(
        self,
        tools: Tools | Sequence[OfferedTool],
        *,
        prompts: Iterable[Prompt] = (),
        templates: Iterable[ResourceTemplate] = (),
        abilities: Abilities | None = None,
        instructions: str | None = None,
    ) -> None:
        self.abilities = abilities or Abilities()
        self.tools: Tools = MadeTools(tools) if isinstance(tools, Sequence) else tools
        self.prompts = {prompt.name: prompt for prompt in prompts}
        self.templates = tuple(templates)
        self._instructions = instructions
        self._lists: dict[tuple[str, str], bytes] = {}

    def renew(self, other: "Offer") -> None:
        """Offer what `other` does from now on, in sessions that are open too, whatever was declared there."""
        self.__dict__.update(other.__dict__)

    def tools_list(self, revision: Revision) -> bytes:
        """The result of `tools/list`: the same bytes for every client of the revision."""
        return self._list("tools", revision, lambda: [listing.tool_entry(each, revision) for each in self.tools])

    def prompts_list(self, revision: Revision) -> bytes:
        """The result of `prompts/list`."""
        return self._list("prompts", revision, lambda: list(map(listing.prompt_entry, self.prompts.values())))

    def templates_list(self, revision: Revision) -> bytes:
        """The result of `resources/templates/list`."""
        return self._list("resourceTemplates", revision, lambda: list(map(listing.template_entry, self.templates)))

    def _list(self, member: str, revision: Revision, make: Callable[[], list[dict[str, object]]]) -> bytes:
        found = self._lists.get((member, revision.name))
        if found is None:
            entries = make()
            body: dict[str, object] = {member: shape.known(entries, revision) if member != "tools" else entries}
            found = self._lists[member, revision.name] = encode(shape.complete(body, revision, LISTED))
        return found

    def initialize_result(self, revision: Revision) -> bytes:
        """The result of `initialize`."""
        result: dict[str, object] = {
            "protocolVersion": revision.name,
            "capabilities": self._capabilities(revision),
            "serverInfo": server_info(revision),
        }
        return encode({**result, **self._said()})

    def discover_result(self, revision: Revision) -> bytes:
        """The result of `server/discover`."""
        body: dict[str, object] = {
            "supportedVersions": list(MODERN_VERSIONS),
            "capabilities": self._capabilities(revision),
        }
        return encode(shape.complete({**body, **self._said()}, revision, LISTED))

    def _said(self) -> dict[str, object]:
        return {} if self._instructions is None else {"instructions": self._instructions}

    def _capabilities(self, revision: Revision) -> dict[str, object]:
        """Declare what works and nothing else."""
        can = self.abilities
        declared: dict[str, object] = {"tools": {"listChanged": True} if can.changing_tools else {}}
        if can.resources:
            flags = {"subscribe": can.watching, "listChanged": can.changing_resources}
            declared["resources"] = {name: True for name, is_set in flags.items() if is_set}
        if self.prompts:
            declared["prompts"] = {"listChanged": True} if can.changing_prompts else {}
        if can.completions and revision.has_completions_capability:
            declared["completions"] = {}
        if can.logging:
            declared["logging"] = {}
        if can.tasks and revision.has_extensions and revision.era is Era.MODERN:
            declared["extensions"] = {TASKS: {}}
        return declared
