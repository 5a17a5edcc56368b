"""Who calls."""

from collections.abc import Callable

import msgspec

from filewarden.broker.protocol.principal import Principal


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the connection, session or stream that limits go by, and the rights that pools go by."""

    client: str
    principal: Principal


Unread = Callable[[Caller, str, int], None]
"""Is told who called a tool of which name in a way that made no call of it, and which number it has among the calls."""
