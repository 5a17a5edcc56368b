"""What the settings mean for the workers: the profiles that the launcher gets before anything else."""

from collections.abc import Sequence

from filewarden.broker.account import Account
from filewarden.config.settings import Settings
from filewarden.workers import wire
from filewarden.workers.limits import Limits
from filewarden.workers.profile import HistoryProfile, Profile, Role, RootProfile, WriteProfile
from filewarden.workers.rules.confirm_policy import Policy
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.trash_bounds import TrashBounds


def pool_profile(
    role: Role,
    settings: Settings,
    account: Account | None,
    denied: Sequence[tuple[int, int]],
    endpoints: str,
    own_paths: Sequence[str] = (),
    spellings: Sequence[str] = (),
    history: str | None = None,
) -> Profile:
    """The profile of one role; `denied` are (st_dev, st_ino) of what no tool touches, `own_paths` where.

    `spellings` are the roots' paths as they were given, where that is known; `history` is the folder of the states
    before changes, for whoever makes them.
    """
    limits = settings.limits
    return Profile(
        role=role,
        roots=tuple(
            RootProfile(
                name=root.name,
                path=root.path,
                spelling=spelling,
                writable=root.mode == "rw",
                deny=root.deny,
                links=root.links,
                one_filesystem=root.one_filesystem,
            )
            for root, spelling in zip(settings.roots, spellings or [""] * len(settings.roots), strict=True)
        ),
        endpoints=endpoints,
        limits=Limits(
            max_file_bytes=limits.max_file_bytes,
            max_media_bytes=limits.max_media_bytes,
            max_answer_chars=limits.max_answer_chars,
            max_results=limits.max_results,
        ),
        sandbox=settings.sandbox.mode,
        memory_mb=settings.pool.worker_memory_mb,
        uid=None if account is None else account.uid,
        gid=None if account is None else account.gid,
        denied=tuple(denied),
        own_paths=tuple(own_paths),
        max_watches=limits.max_watches,
        max_request_bytes=limits.max_message_bytes,
        start_timeout_s=settings.pool.start_timeout_s,
        plugins=settings.tools.plugins if role == "ro" else (),
        writes=_write_profile(settings),
        history=_history_profile(settings, history) if role == "rw" else None,
    )


def _history_profile(settings: Settings, path: str | None) -> HistoryProfile | None:
    history = settings.history
    if path is None:
        return None
    return HistoryProfile(path=path, max_bytes=history.max_bytes, max_age_s=history.max_age_s)


def _write_profile(settings: Settings) -> WriteProfile:
    writes = settings.writes
    return WriteProfile(
        confirm=Policy(writes.confirm),
        protected=() if writes.protect == "off" else writes.protected,
        durability=Durability(writes.durability),
        min_free_bytes=writes.min_free_bytes,
        max_file_bytes=writes.max_file_bytes,
        trash=TrashBounds(
            max_bytes=writes.trash_max_bytes, max_age_s=writes.trash_max_age_s, min_age_s=writes.trash_min_age_s
        ),
    )


def frame_bytes(settings: Settings) -> int:
    """How large a frame of a worker may be."""
    limits = settings.limits
    return wire.max_frame_bytes(
        max_file_bytes=limits.max_file_bytes,
        max_media_bytes=limits.max_media_bytes,
        max_answer_chars=limits.max_answer_chars,
    )


def body_bytes(settings: Settings) -> int:
    """How much an answer of a worker may say beside a text or blocks."""
    return wire.max_body_bytes(settings.limits.max_answer_chars)
