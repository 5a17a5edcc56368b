"""What holds for one request: negotiated once (legacy), or brought along by the request itself (modern)."""

import msgspec

from filewarden.broker.protocol.revisions import Revision
from filewarden.workers.note_level import NoteLevel


class Terms(msgspec.Struct, frozen=True):
    """The revision that shapes the answer, what the client can be asked, and what it wants to hear."""

    revision: Revision
    askable: tuple[str, ...] = ()
    has_tasks: bool = False
    """It can poll a task instead of waiting (extension `io.modelcontextprotocol/tasks`)."""
    log_level: NoteLevel | None = None
