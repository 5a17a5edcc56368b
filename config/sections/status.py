"""The `[status]` table: where the state of the server can be looked at."""

from typing import Annotated

from msgspec import Meta

from filewarden.config.sections.section import Section


class StatusSettings(Section, frozen=True, kw_only=True):
    """Where the state of the server can be looked at."""

    address: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=300,
            description='"auto": the HTTP listener, or a private Unix socket beside stdio; else "host:port" or "off".',
            extra={"flag": "--status", "metavar": "ADDRESS|off"},
        ),
    ] = "auto"
