"""The messages between broker and watcher after the handshake, which is the workers'. Same frames, same strictness."""

from typing import Annotated, Literal

import msgspec

from filewarden.workers.errors import Code
from filewarden.workers.wire import Go, Hello, Ready, WireError

MOST_WATCHES = 10_000
"""Upper bound of what one watcher watches, whatever the settings say: a frame names all of them at most."""
PATH_CHARS = 16_384

Reports = Literal["changes", "names"]
"""Everything that happens to it, or only what comes into a folder and what goes."""


class Watch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="watch"):
    """Broker to watcher: watch what `path` names, resolved like the path of any call.

    Without `must_exist` a path that leads nowhere is watched too: it did lead somewhere, before a restart.
    """

    watch: int
    path: Annotated[str, msgspec.Meta(max_length=PATH_CHARS)]
    reports: Reports
    must_exist: bool


class Unwatch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="unwatch"):
    """Broker to watcher: forget one; nothing happens when there is none of that number."""

    watch: int


class Ping(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ping"):
    """Broker to watcher: say that you are there."""


class Watched(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="watched"):
    """Watcher to broker, once for a `Watch`: from now on no change is missed."""

    watch: int


class Unwatchable(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="unwatchable"):
    """Watcher to broker, instead: it cannot be watched."""

    watch: int
    code: Code
    message: Annotated[str, msgspec.Meta(max_length=4096)]


class Changed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="changed"):
    """Watcher to broker: something has happened to these since they were named last."""

    watches: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=MOST_WATCHES)]


class Pong(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="pong"):
    """Watcher to broker: the answer to a `Ping`."""


FromWatcher = Hello | Ready | Watched | Unwatchable | Changed | Pong
ToWatcher = Go | Watch | Unwatch | Ping

_decode_from_watcher = msgspec.msgpack.Decoder(Hello | Ready | Watched | Unwatchable | Changed | Pong).decode
_decode_to_watcher = msgspec.msgpack.Decoder(Go | Watch | Unwatch | Ping).decode


def unpack_from_watcher(frame: bytes | bytearray | memoryview) -> FromWatcher:
    """A frame that a watcher sent.

    Raises:
        WireError: the frame is none of a watcher's messages.
    """
    try:
        message: FromWatcher = _decode_from_watcher(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"undecodable frame: {error}") from None
    return message


def unpack_to_watcher(frame: bytes | bytearray) -> ToWatcher:
    """A frame that the broker sent.

    Raises:
        WireError: the frame is none of the broker's messages.
    """
    try:
        message: ToWatcher = _decode_to_watcher(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"undecodable frame: {error}") from None
    return message
