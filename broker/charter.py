"""What a server was started with, and the settings in force: by this its configuration is read again.

It is written at the start, before anything untrusted is read, and kept by the launcher. Each reading makes the next
one: the front-end takes its new settings from it, and the launcher reads by it the next time.
"""

import msgspec

from filewarden.broker.account import Account
from filewarden.config.settings import Settings

VARIABLES = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "MCP_ROOT")
"""What the configuration asks the environment for, beside the variables with our own prefix."""


class Charter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments and variables are bytes, as the system has them."""

    arguments: tuple[bytes, ...]
    environ: dict[bytes, bytes]
    account: Account | None
    """What the workers become; None: they stay who they are."""
    endpoints: str
    """The folder of the workers' sockets."""
    readable: tuple[str, ...]
    """Folders and files that the front-end has kept the right to read: none of them may be served."""
    settings: Settings
    file: str | None
    """The configuration file that was read, absolute."""
    needs_restart: tuple[str, ...] = ()
    """The keys that the configuration has otherwise than they are in force."""
    changes: tuple[str, ...] = ()
    """What this reading has changed, setting by setting."""
    warnings: tuple[str, ...] = ()
    tokens: dict[str, bytes] = {}
    """The digests of the tokens that profiles name, by their names."""


def encode(charter: Charter) -> bytes:
    """The document; UnicodeEncodeError when a path in the settings is not UTF-8."""
    return msgspec.msgpack.encode(charter)


def decode(document: bytes) -> Charter:
    """What `encode` made; msgspec.DecodeError for anything else."""
    return msgspec.msgpack.decode(document, type=Charter)
