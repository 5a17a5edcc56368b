"""The `[history]` table: what is kept so that changes can be undone."""

from typing import Annotated

from msgspec import Meta

from filewarden.config.sections.section import Section


class HistorySettings(Section, frozen=True, kw_only=True):
    """What was there before each change, kept in the state folder so that it can be undone."""

    enabled: Annotated[
        bool, Meta(description="Keep what a change replaces; a change that cannot be undone so is refused.")
    ] = True
    max_bytes: Annotated[
        int,
        Meta(
            ge=65536, le=1_000_000_000_000, description="Size of the history; the oldest changes are forgotten first."
        ),
    ] = 268435456
    max_age_s: Annotated[float, Meta(ge=1, le=315_360_000, description="Seconds until a change is forgotten.")] = (
        2592000.0
    )
