"""The `[writes]` table: how changes of files are kept in check."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.protected import CODE_EXECUTION
from filewarden.config.sections.section import Section


class WriteSettings(Section, frozen=True, kw_only=True):
    """How what changes files is kept in check, where a root allows it at all."""

    confirm: Annotated[
        Literal["never", "destructive", "always"],
        Meta(
            description="When the user is asked before a change: never (the root's mode is the approval), before "
            "destructive ones (overwrite, edit, delete, move of folders), or always."
        ),
    ] = "never"
    protect: Annotated[
        Literal["code-execution", "off"],
        Meta(
            description="Refuse changes of what makes other programs run something: writes.protected lists it; "
            '"off" protects nothing.'
        ),
    ] = "code-execution"
    protected: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...],
        Meta(
            max_length=1000,
            description="Globs of what writes.protect protects, in any case of letters; they can be read all the same.",
        ),
    ] = CODE_EXECUTION
    durability: Annotated[
        Literal["full", "rename"],
        Meta(
            description='What a finished change outlives: "full" a loss of power (fsync), "rename" the end of any '
            "process."
        ),
    ] = "full"
    min_free_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000_000,
            description="Free space that is left to others: what would go below it is refused.",
        ),
    ] = 67108864
    max_file_bytes: Annotated[
        int,
        Meta(ge=1, le=67108864, description="Largest file that is edited or appended to."),
    ] = 8388608
    trash_max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000_000,
            description="Size of the trash of each root; beyond it the oldest deletions are removed for good; 0 is no "
            "limit.",
        ),
    ] = 1073741824
    trash_max_age_s: Annotated[
        float,
        Meta(
            ge=0,
            le=315_360_000,
            description="Seconds until a deletion is removed from the trash for good; 0 is no limit.",
        ),
    ] = 2592000.0
    trash_min_age_s: Annotated[
        float,
        Meta(
            ge=0,
            le=315_360_000,
            description="Seconds that a deletion stays in the trash for sure, whatever the other two say.",
        ),
    ] = 86400.0
    max_bytes_per_minute: Annotated[
        int,
        Meta(ge=0, le=1_000_000_000_000, description="Bytes that one principal may write in a minute; 0 is no limit."),
    ] = 0
    max_files_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Files and folders that one principal may change in a minute; 0 is no limit.",
        ),
    ] = 0
