"""What of the catalogue is offered to clients, as the protocol core sees it."""

import os
from collections.abc import Iterable, Iterator, Sequence

from filewarden.broker.pool import may_write
from filewarden.broker.protocol.offer import Abilities, Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings
from filewarden.workers.arguments import ArgumentCheck
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.paths.file_uris import template_of
from filewarden.workers.schemas import annotations, input_schema, output_schema
from filewarden.workers.tool import Kind, Tool

RESULT_SIZE_KEY = "anthropic/maxResultSizeChars"
"""In a tool's `_meta`: how long an answer a client keeps in the conversation instead of setting it aside in a file."""

UNASKED_CHARS = 50_000
"""What a client keeps without being told so."""
MOST_CHARS = 500_000
"""What it keeps at the most."""


class OfferedTools:
    """Every tool of a catalogue, in its order, each loaded when it is first asked for.

    `max_answer_chars` is how long a structured answer may be.
    """

    def __init__(self, catalogue: Catalogue, *, max_answer_chars: int) -> None:
        self._catalogue = catalogue
        self._max_answer_chars = max_answer_chars
        self._names = {other: entry.name for entry in catalogue.entries for other in entry.other_names}
        self._names |= {entry.name: entry.name for entry in catalogue.entries}
        self._made: dict[str, OfferedTool] = {}

    @property
    def names(self) -> list[str]:
        """The name of each."""
        return [entry.name for entry in self._catalogue.entries]

    def find(self, name: str) -> OfferedTool | None:
        """Look one up by its name, or another that it answers to."""
        made = self._made.get(name)
        if made is None and (own_name := self._names.get(name)) is not None:
            made = self._made[name] = self._made.get(own_name) or self._make(own_name)
        return made

    def __iter__(self) -> Iterator[OfferedTool]:
        return (tool for name in self.names if (tool := self.find(name)) is not None)

    def _make(self, name: str) -> OfferedTool:
        tool = self._catalogue.find(name)
        assert tool is not None  # noqa: S101 - its name is the catalogue's
        return OfferedTool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            schemas=lambda: (input_schema(tool), output_schema(tool)),
            annotations=dict(annotations(tool)),
            check=ArgumentCheck(tool),
            meta=_size_hint(tool, self._max_answer_chars),
            other_names=tool.other_names,
            task=tool.task,
            needs_task=tool.needs_task,
        )


def _size_hint(tool: Tool, max_answer_chars: int) -> dict[str, object]:
    most = max_answer_chars if tool.kind is Kind.STRUCTURED else tool.max_result_chars or 0
    return {RESULT_SIZE_KEY: min(most, MOST_CHARS)} if most > UNASKED_CHARS else {}


def templates_of(roots: Iterable[RootSettings]) -> tuple[ResourceTemplate, ...]:
    """What lies in each root, at any depth."""
    return tuple(
        ResourceTemplate(
            uri_template=template_of(os.fsencode(root.path)),
            name=root.name,
            title=f"Files in {root.name}",
            description="A file is read whole, a folder as the list of its names. The path is relative to the root.",
        )
        for root in roots
    )


def abilities(catalogue: Catalogue) -> Abilities:
    """What a catalogue makes possible beside its tools."""
    changing = {entry.changes for entry in catalogue.entries}
    can_watch = catalogue.has_operation("resources/subscribe")
    return Abilities(
        resources=catalogue.has_operation("resources/read"),
        watching=can_watch,
        completions=catalogue.has_operation("completion/complete"),
        logging=True,
        tasks=True,
        changing_tools=True,  # with another configuration, if by nothing else
        changing_prompts="prompts" in changing,
        changing_resources=can_watch or "resources" in changing,
    )


def catalogue_of(catalogue: Catalogue, settings: Settings) -> Catalogue:
    """The tools that these settings allow."""
    return catalogue.offered(
        scan=settings.pool.scan_workers > 0,
        write=may_write(settings),
        history=settings.history.enabled,
        only=settings.tools.only,
    )


def offer_of(catalogue: Catalogue, settings: Settings) -> Offer:
    """What clients are offered of a catalogue by these settings."""
    return Offer(
        OfferedTools(catalogue, max_answer_chars=settings.limits.max_answer_chars),
        prompts=catalogue.prompts,
        templates=offered_templates(catalogue, settings.roots),
        abilities=abilities(catalogue),
        instructions=instructions_of(settings.roots, catalogue),
    )


def offered_templates(catalogue: Catalogue, roots: Iterable[RootSettings]) -> tuple[ResourceTemplate, ...]:
    """The templates of a catalogue, or of the roots; none where resources cannot be read."""
    if not catalogue.has_operation("resources/read"):
        return ()
    return catalogue.templates or templates_of(roots)


def instructions_of(roots: Sequence[RootSettings], catalogue: Catalogue) -> str:
    """What every client is told at first about the roots."""
    lists = catalogue.has_tool("list_directory")
    access = "Access" if any(root.mode == "rw" for root in roots) else "Read-only access"
    if len(roots) == 1:
        hint = '; start with list_directory on "."' if lists else ""
        return f"{access} to one folder. Paths are relative to it{hint}."
    names = ", ".join(root.name for root in roots[:20])
    return f'{access} to several folders: {names}. A path starts with the folder\'s name; "." lists them.'
