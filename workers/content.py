"""The blocks of an answer that is more than one text: media and resources, raw until the front-end shapes them.

Each block is one content type of the protocol (MCP, `ContentBlock`); the front-end encodes base64 once, and rewrites a
block that the client's revision does not know.
"""

import msgspec


class TextBlock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="text"):
    """Plain text."""

    text: str


class ImageBlock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="image"):
    """An image file's bytes."""

    data: bytes
    mime_type: str


class AudioBlock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="audio"):
    """A sound file's bytes."""

    data: bytes
    mime_type: str


class ResourceBlock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="resource"):
    """A resource's contents: `text`, or else `blob`."""

    uri: str
    mime_type: str | None = None
    text: str | None = None
    blob: bytes | None = None


class LinkBlock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="link"):
    """A resource that the client may read; `size` in bytes."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None


Block = TextBlock | ImageBlock | AudioBlock | ResourceBlock | LinkBlock
