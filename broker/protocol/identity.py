"""Who this server says it is, in each revision (MCP, `Implementation`)."""

from filewarden.broker.protocol.response import encode
from filewarden.broker.protocol.revisions import Revision
from filewarden.config.version import NAME, VERSION

TITLE = "Filewarden"
DESCRIPTION = "Files of the folders that the operator named, read by confined worker processes."
SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo"


def server_info(revision: Revision) -> dict[str, str]:
    """The members that the revision knows."""
    info = {"name": NAME, "version": VERSION}
    if revision.has_titles:
        info["title"] = TITLE
    if revision.has_icons:
        info["description"] = DESCRIPTION
    return info


STAMP_MEMBER = b'"' + SERVER_INFO_KEY.encode() + b'":' + encode({"name": NAME, "version": VERSION, "title": TITLE})
"""The member of `_meta` on every modern result."""
STAMP: dict[str, object] = {SERVER_INFO_KEY: {"name": NAME, "version": VERSION, "title": TITLE}}
