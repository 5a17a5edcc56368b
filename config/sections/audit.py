"""The `[audit]` table: the record of calls."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.sections.section import Section


class AuditSettings(Section, frozen=True, kw_only=True):
    """The record of calls."""

    file: Annotated[
        str,
        Meta(max_length=4096, description='File with one line for each call; "" is off.', extra={"is_path": True}),
    ] = ""
    on_error: Annotated[
        Literal["refuse", "continue"],
        Meta(
            description='While the file cannot be written: "refuse" runs no call, "continue" runs them and counts the '
            "lines that are lost."
        ),
    ] = "refuse"
    max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1099511627776,
            description="Size at which the file is put aside as FILE.1 and a new one begun; 0 lets it grow.",
        ),
    ] = 67108864
    keep: Annotated[
        int, Meta(ge=1, le=20, description="Files put aside that are kept; the oldest beyond them is removed.")
    ] = 10
