"""What a zygote is told once: its role, the roots, and the bounds of every process that it forks."""

from typing import Literal

import msgspec

from filewarden.workers.limits import Limits
from filewarden.workers.rules.confirm_policy import Policy
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.trash_bounds import TrashBounds

Role = Literal["ro", "rw", "watch"]
"""What a zygote's children do: reading calls, writing calls, or telling what changes."""


def label_of(role: Role, whose: str) -> str:
    """What the zygotes of a role are called, where `whose` is the name of a profile of the settings, or "" for none."""
    return f"{whose}/{role}" if whose else role


class RootProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One folder that workers serve. `path` is absolute; `deny` holds globs; the rest is as in the settings."""

    name: str
    path: str
    writable: bool
    spelling: str = ""
    """The path as the operator wrote it, absolute, with the links in it; empty: the same."""
    deny: tuple[str, ...] = ()
    links: Literal["allow", "refuse"] = "allow"
    one_filesystem: bool = False


class WriteProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How changes are made, and which are refused: the settings under `[writes]`. `protected` holds globs."""

    confirm: Policy = Policy.NEVER
    protected: tuple[str, ...] = ()
    durability: Durability = Durability.FULL
    min_free_bytes: int = 0
    max_file_bytes: int = 8388608
    trash: TrashBounds = TrashBounds()


class HistoryProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The folder where the states before changes are kept, absolute, and its bounds."""

    path: str
    max_bytes: int
    max_age_s: float


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is the same for all children of one zygote.

    `uid` and `gid` are the account to change to, or None to stay. `denied` names objects by (st_dev, st_ino) that no
    tool touches wherever they lie: the token, the state folder, the configuration in use. `own_paths` are the real
    paths of the same, for what is made there later. Sizes of frames in bytes.
    """

    role: Role
    roots: tuple[RootProfile, ...]
    endpoints: str
    """The folder that workers find their endpoints in, as the front-end sees it."""
    limits: Limits
    sandbox: str
    memory_mb: int
    uid: int | None = None
    gid: int | None = None
    denied: tuple[tuple[int, int], ...] = ()
    own_paths: tuple[str, ...] = ()
    max_watches: int
    """How many files and folders a watcher watches at most."""
    max_request_bytes: int
    start_timeout_s: float
    writes: WriteProfile = WriteProfile()
    plugins: tuple[str, ...] = ()
    """Modules of the operator whose tools are offered beside the built-in ones; only of the role that reads."""
    history: HistoryProfile | None = None
    """Only of the role that writes; None where nothing is kept."""


class Spawn(msgspec.Struct, frozen=True, tag="spawn"):
    """Front-end to zygote: fork one worker. The read end of its start gate is attached, and perhaps its shelf."""

    serial: int
    endpoint: str
    """The name of its endpoint in the folder."""
    secret: str


class Spawned(msgspec.Struct, frozen=True, tag="spawned"):
    """Zygote to front-end, with a pidfd attached: the worker exists and waits at its gate."""

    serial: int
    pid: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """Zygote to front-end: a worker was reaped. `status` is an exit code, or minus the signal's number."""

    serial: int
    status: int


class Unusable(msgspec.Struct, frozen=True, tag="unusable"):
    """Zygote to front-end: it cannot serve this profile, and why."""

    reason: str


FromZygote = Spawned | Exited | Unusable

SPAWN_FDS = 2
"""How many descriptors come with a `Spawn` at most."""
CONTROL_BYTES = 262_144
"""Upper bound of one control message (unix(7): a SEQPACKET message is never split)."""

_encode = msgspec.json.Encoder().encode
_decode_profile = msgspec.json.Decoder(Profile).decode
_decode_spawn = msgspec.json.Decoder(Spawn).decode
_decode_from_zygote = msgspec.json.Decoder(Spawned | Exited | Unusable).decode


def encode(message: Profile | Spawn | FromZygote) -> bytes:
    """One control message."""
    return _encode(message)


def decode_profile(data: bytes) -> Profile:
    """The first message that a zygote gets; msgspec.DecodeError when it is none."""
    return _decode_profile(data)


def decode_spawn(data: bytes) -> Spawn:
    """Any later message to a zygote; msgspec.DecodeError when it is none."""
    return _decode_spawn(data)


def decode_from_zygote(data: bytes) -> FromZygote:
    """A zygote's report; msgspec.DecodeError when it is none."""
    try:
        message: FromZygote = _decode_from_zygote(data)
    except (UnicodeDecodeError, RecursionError) as error:  # what msgspec lets through
        raise msgspec.DecodeError(str(error)) from None
    return message
