"""The `[[roots]]` tables: the folders that are served."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.sections.section import Section


class RootSettings(Section, frozen=True, kw_only=True):
    """A folder that is served."""

    path: Annotated[
        str, Meta(min_length=1, max_length=4096, description="The folder to serve.", extra={"is_path": True})
    ]
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="What clients call this root; by default the folder's name, made unique.",
        ),
    ] = ""
    mode: Annotated[
        Literal["ro", "rw"], Meta(description='"ro" serves it for reading only, "rw" offers the write tools too.')
    ] = "ro"
    deny: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...],
        Meta(max_length=1000, description="Globs of what is invisible, unreadable and unwritable in every tool."),
    ] = ()
    links: Annotated[
        Literal["allow", "refuse"],
        Meta(
            description='"refuse" treats a file of several names (hard links) as denied: another name of it may lie '
            "outside the root.",
        ),
    ] = "allow"
    one_filesystem: Annotated[
        bool, Meta(description="Treat what is mounted below the root as denied, bind mounts too.")
    ] = False
