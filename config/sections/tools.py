"""The `[tools]` table: which tools are offered, and the operator's own beside the built-in ones."""

from typing import Annotated

from msgspec import Meta

from filewarden.config.sections.section import Section


class ToolSettings(Section, frozen=True, kw_only=True):
    """Which tools are offered. Plugins are Python functions that run as tools in the same confined workers."""

    plugins: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            max_length=32,
            description="Modules, entry points of the group filewarden.tools, or absolute paths of .py files. They are "
            "imported with the rights of the server; their functions run confined.",
        ),
    ] = ()
    only: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(
            max_length=300,
            description="Names of the tools that are offered, or groups of them: @read, @scan, @write and @resources; "
            "without any, all that roots and workers allow.",
        ),
    ] = ()
