"""Content blocks in the shape of a revision: what it does not know is said in what it does (MCP, `ContentBlock`)."""

import binascii

from filewarden.broker.protocol.revisions import Revision
from filewarden.workers.content import AudioBlock, Block, ImageBlock, LinkBlock, ResourceBlock, TextBlock

Json = dict[str, object]

UNNAMED_TYPE = "application/octet-stream"


def content_block(block: Block, revision: Revision) -> Json:
    """One block of a tool's answer or a prompt's message."""
    match block:
        case TextBlock():
            return {"type": "text", "text": block.text}
        case ImageBlock():
            return {"type": "image", "data": _base64(block.data), "mimeType": block.mime_type}
        case AudioBlock():
            return _audio(block, revision)
        case ResourceBlock():
            return {"type": "resource", "resource": resource_contents(block)}
        case LinkBlock():
            return _link(block, revision)


def resource_contents(block: ResourceBlock) -> Json:
    """The contents of a resource: text, or bytes in base64."""
    contents: Json = {"uri": block.uri}
    if block.mime_type is not None:
        contents["mimeType"] = block.mime_type
    if block.text is not None:
        contents["text"] = block.text
    else:
        contents["blob"] = _base64(block.blob or b"")
    return contents


def _audio(block: AudioBlock, revision: Revision) -> Json:
    if revision.has_audio:
        return {"type": "audio", "data": _base64(block.data), "mimeType": block.mime_type}
    return content_block(ResourceBlock("audio:", block.mime_type, None, block.data), revision)


def _link(block: LinkBlock, revision: Revision) -> Json:
    if not revision.has_resource_links:
        return {"type": "text", "text": f"{block.name}: {block.uri}"}
    optional = {
        "title": block.title,
        "description": block.description,
        "mimeType": block.mime_type,
        "size": block.size,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    return {"type": "resource_link", "uri": block.uri, "name": block.name, **present}


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
