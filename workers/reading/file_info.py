"""What is told about one path without reading it."""

import msgspec


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `get_file_info`; times are whole seconds since the epoch."""

    name: str
    path: str
    type: str
    size: int | None
    modified: int
    created: int
    extension: str | None
    readable: bool
    writable: bool
    mode: str
    links: int
    symlink_target: str | msgspec.UnsetType = msgspec.UNSET
    sha256: str | msgspec.UnsetType = msgspec.UNSET
    changed_during_read: bool | msgspec.UnsetType = msgspec.UNSET
    """True where the file changed while its checksum was computed."""
