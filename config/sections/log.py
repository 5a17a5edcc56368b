"""The `[log]` table: what the server says about itself."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.sections.section import Section


class LogSettings(Section, frozen=True, kw_only=True):
    """What the server says about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least grave messages that are logged.", extra={"flag": "--log-level"}),
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Meta(description="How a log line is written.", extra={"flag": "--log-format"})
    ] = "text"
    file: Annotated[
        str,
        Meta(
            max_length=4096,
            description='File for the log, which has no bound: empty it in place; "" is stderr.',
            extra={"is_path": True},
        ),
    ] = ""
    calls: Annotated[
        bool,
        Meta(
            description="A line for each call when it ends: its number, the tool, the outcome and the milliseconds; "
            "never a path."
        ),
    ] = False
