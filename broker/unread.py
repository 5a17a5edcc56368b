"""What stands in the records for a call that could not be read as one: a tool that there is not, or wrong arguments.

Its arguments are not kept: they have no form in which they could be told apart from what must not be written down.
"""

import msgspec

from filewarden.broker.protocol.outcome import Failed
from filewarden.workers.errors import Code
from filewarden.workers.tool import Tool


class _Unread(msgspec.Struct, frozen=True):
    """The arguments and the result of none."""


def _never(_context: object, _arguments: object) -> _Unread:
    raise NotImplementedError


_TOOL = Tool(name="", title="", description="", arguments=_Unread, result=_Unread, run=_never)
ARGUMENTS = _Unread()
OUTCOME = Failed(Code.INVALID_ARGUMENT, "what was asked for could not be read")


def tool(name: str) -> Tool:
    """A tool of that name, which does not have to exist."""
    return msgspec.structs.replace(_TOOL, name=name)
