"""Who calls."""

import msgspec

from filewarden.broker.protocol.principal import Principal


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the connection, session or stream that limits go by, and the rights that pools go by."""

    client: str
    principal: Principal
