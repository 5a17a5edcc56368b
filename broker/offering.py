"""What of the catalogue is offered to clients, as the protocol core sees it."""

import os
from collections.abc import Iterable, Sequence

from filewarden.broker.pool import may_write
from filewarden.broker.protocol.offer import Abilities
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


def offered_tools(catalogue: Catalogue, *, max_answer_chars: int) -> tuple[OfferedTool, ...]:
    """Every tool of the catalogue, in its order; `max_answer_chars` is how long a structured answer may be."""
    return tuple(
        OfferedTool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=input_schema(tool),
            output_schema=output_schema(tool),
            annotations=dict(annotations(tool)),
            check=ArgumentCheck(tool),
            meta=_size_hint(tool, max_answer_chars),
            other_names=tool.other_names,
            task=tool.task,
            needs_task=tool.needs_task,
        )
        for tool in catalogue
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
    changing = {tool.changes for tool in catalogue}
    can_watch = catalogue.operation("resources/subscribe") is not None
    return Abilities(
        resources=catalogue.operation("resources/read") is not None,
        watching=can_watch,
        completions=catalogue.operation("completion/complete") is not None,
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


def offered_templates(catalogue: Catalogue, roots: Iterable[RootSettings]) -> tuple[ResourceTemplate, ...]:
    """The templates of a catalogue, or of the roots; none where resources cannot be read."""
    if catalogue.operation("resources/read") is None:
        return ()
    return catalogue.templates or templates_of(roots)


def instructions_of(roots: Sequence[RootSettings], catalogue: Catalogue) -> str:
    """What every client is told at first about the roots."""
    lists = catalogue.find("list_directory") is not None
    access = "Access" if any(root.mode == "rw" for root in roots) else "Read-only access"
    if len(roots) == 1:
        hint = '; start with list_directory on "."' if lists else ""
        return f"{access} to one folder. Paths are relative to it{hint}."
    names = ", ".join(root.name for root in roots[:20])
    return f'{access} to several folders: {names}. A path starts with the folder\'s name; "." lists them.'
