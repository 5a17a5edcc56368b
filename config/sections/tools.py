"""The `[tools]` table: the operator's own tools beside the built-in ones."""

from typing import Annotated

from msgspec import Meta

from filewarden.config.sections.section import Section


class ToolSettings(Section, frozen=True, kw_only=True):
    """Plugins: Python functions that are offered as tools and run in the same confined workers."""

    plugins: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            max_length=32,
            description="Modules, entry points of the group filewarden.tools, or absolute paths of .py files. They are "
            "imported with the rights of the server; their functions run confined.",
        ),
    ] = ()
