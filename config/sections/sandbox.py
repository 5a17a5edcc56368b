"""The `[sandbox]` table: how workers are confined."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.sections.section import Section


class SandboxSettings(Section, frozen=True, kw_only=True):
    """How workers are confined."""

    mode: Annotated[
        Literal["required", "best-effort", "off"],
        Meta(
            description='"required" never serves from a worker that is not confined, "best-effort" does and says so.',
            extra={"flag": "--sandbox"},
        ),
    ] = "required"
    user: Annotated[
        str,
        Meta(
            max_length=255,
            description='The user that workers become when started as root; "" is the owner of the first root, '
            "or a nobody-like user where that is root.",
        ),
    ] = ""
