"""How a call records its changes in the history, each before it is made.

With durability, what is recorded outlives a loss of power before the change is made. It is flushed together with the
draft that the change is made of, which is only then put in its place.
"""

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING, Self

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.flush import Flush, flush_all
from filewarden.workers.history.image import Image
from filewarden.workers.history.recorded import Action, FileState, Identity, Recorded
from filewarden.workers.history.segment import LONG_BYTES
from filewarden.workers.history.store import History
from filewarden.workers.paths.names import echo
from filewarden.workers.rules.durability import Durability
from filewarden.workers.writing.change_paths import place_of
from filewarden.workers.writing.drafts import Draft, changed, has_access_list
from filewarden.workers.writing.identity import identity_of, is_same
from filewarden.workers.writing.interrupted import resolve
from filewarden.workers.writing.old_version import digest_of, open_old
from filewarden.workers.writing.target import Target

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_BLOCK_BYTES = 1 << 20


def state_of(data: bytes, mode: int) -> FileState:
    """The state of a file with such content and permissions."""
    return FileState(digest_of(data), len(data), stat.S_IMODE(mode))


def content_change(context: "Context", target: Target, after: FileState | None, draft: Draft | None = None) -> "Change":
    """Record that a file comes to be, gets other bytes, or goes, and make it within; `draft` holds what is to come."""
    return Change(context, target, "content", displaces=True, after=after, draft=draft)


def early_content_change(context: "Context", target: Target, after: FileState) -> "Change":
    """Likewise, where it is known what is to come before there is a draft: wait for `Change.last` within."""
    return Change(context, target, "content", displaces=True, after=after, is_early=True)


def folder_change(context: "Context", target: Target, *, comes: bool, mode: int) -> "Change":
    """Record that an empty folder comes to be, or goes."""
    state = FileState("", 0, mode & 0o777)
    before, after = (None, state) if comes else (state, None)
    return Change(context, target, "folder", before=before, after=after)


def move_change(
    context: "Context",
    source: Target,
    destination: Target,
    *,
    displaces: bool,
    refilled: FileState | None = None,
    draft: Draft | None = None,
) -> "Change":
    """Record a move, with what it displaces; `refilled` is what comes to be at its source, and `draft` holds it."""
    if source.state is None:
        raise changed()
    return Change(
        context,
        destination,
        "move",
        displaces=displaces,
        source=place_of(source.folder.root, source.names),
        after=refilled,
        identity=identity_of(source.state),
        draft=draft,
    )


def trash_change(
    context: "Context", target: Target, trash_id: str, state: os.stat_result, *, action: Action
) -> "Change":
    """Record a way into the trash, or out of it."""
    return Change(context, target, action, trash_id=trash_id, identity=identity_of(state))


def removal(context: "Context", target: Target, state: os.stat_result) -> "Change":
    """Record that something goes for good; what is neither a file nor an empty folder cannot be brought back."""
    if stat.S_ISREG(state.st_mode):
        return content_change(context, target, None)
    return Change(context, target, "removal")


class Change:
    """One change: recorded before the block that makes it, and settled after it."""

    def __init__(
        self,
        context: "Context",
        target: Target,
        action: Action,
        *,
        displaces: bool = False,
        before: FileState | None = None,
        after: FileState | None = None,
        source: str = "",
        identity: Identity | None = None,
        trash_id: str = "",
        draft: Draft | None = None,
        is_early: bool = False,
    ) -> None:
        self._context = context
        self._target = target
        self._draft = draft
        self._is_early = is_early
        self._flush: Flush | None = None
        self._displaces = displaces
        self._before = before
        self._told = action, after, source, identity, trash_id
        self._image: Image | None = None

    def __enter__(self) -> Self:
        """Record it, and make it last before the block begins, with what the change is made of.

        Raises:
            ToolFailure: it cannot be kept.
            OSError: the draft cannot be flushed.
        """
        history = self._context.journal.history
        if history is None:
            return self
        try:
            self._record(history)
        except OSError as error:
            self._forget()
            raise _unkept(self._target, error) from None
        except BaseException:
            self._forget()
            raise
        if not self._is_early:
            self._finish()
        return self

    def _finish(self) -> None:
        try:
            flush_all(self.flushes if self._draft is None else self.flushes + self._draft.flushes)
            if self._draft is not None:
                self._draft.flush()
            self.last()
        except BaseException:
            self._forget()
            raise

    def last(self) -> None:
        """Wait until what was recorded outlives a loss of power, where changes are to: before the change is made.

        Raises ToolFailure: it cannot be kept.
        """
        if self._flush is not None:
            flush, self._flush = self._flush, None
            try:
                flush.finish()
            except OSError as error:
                raise _unkept(self._target, error) from None

    @property
    def flushes(self) -> tuple[Flush, ...]:
        """What `last` waits for."""
        return () if self._flush is None else (self._flush,)

    def _record(self, history: History) -> None:
        before = self._before
        if self._displaces and self._target.state is not None:
            image, before = self._keep(history)
        else:
            image = history.image(0)
        self._image = image
        action, after, source, identity, trash_id = self._told
        journal = self._context.journal
        image.announce(
            Recorded(
                operation=journal.operation,
                principal=journal.principal,
                call=journal.call,
                action=action,
                path=place_of(self._target.folder.root, self._target.names),
                source=source,
                before=before,
                after=after,
                identity=identity,
                trash_id=trash_id,
                undoes=journal.undoes,
            )
        )
        if self._context.writing.durability is Durability.FULL:
            self._flush = image.flush()

    def _keep(self, history: History) -> tuple[Image, FileState]:
        """Keep the bytes of what is displaced."""
        target = self._target
        old = open_old(target)
        seen = old.stat if target.content is not None else os.fstat(old.fd)  # it was looked at when it was read
        if target.state is None or not is_same(seen, target.state):
            raise changed()
        if seen.st_size > LONG_BYTES:
            _require_room(self._context, history, target, seen.st_size)
        image = history.image(seen.st_size)
        if target.content is not None:
            image.write(target.content)
            return image, _owned(state_of(target.content, seen.st_mode), old.fd, seen)
        try:
            return image, _copied(self._context, old.fd, seen, image)
        except BaseException:
            image.close()
            raise

    def __exit__(self, _type: object, error: BaseException | None, _where: object) -> None:
        """A change that was refused is forgotten; after a failure it is looked at; it stays where nobody knows."""
        image = self._image
        if image is None:
            return
        if error is None:
            with contextlib.suppress(OSError):  # it was made: whoever finds it pending will see
                image.settle()
        elif isinstance(error, FileExistsError) or (
            isinstance(error, ToolFailure) and error.details.get("outcome") != "unknown"
        ):
            self._forget()
        elif isinstance(error, OSError) and self._context.journal.history is not None:
            with contextlib.suppress(OSError, ToolFailure):
                image.release()
                resolve(self._context, self._context.journal.history, image.identifier)
        image.close()

    def _forget(self) -> None:
        if self._image is not None:
            with contextlib.suppress(OSError):  # it says what was not begun, or what can be seen not to be made
                self._image.forget()
            self._image.close()


def _copied(context: "Context", old: int, seen: os.stat_result, image: Image) -> FileState:
    digest, done = hashlib.sha256(usedforsecurity=False), 0
    while block := os.pread(old, min(_BLOCK_BYTES, seen.st_size + 1 - done), done):
        if context.is_overdue():
            raise ToolFailure(
                Code.TIMEOUT, "Timeout: there was no time to keep what is there now. Nothing was changed."
            )
        image.write(block)
        digest.update(block)
        done += len(block)
    if done != seen.st_size or not is_same(os.fstat(old), seen):
        raise changed()
    return _owned(FileState(digest.hexdigest(), done, stat.S_IMODE(seen.st_mode)), old, seen)


def _owned(state: FileState, fd: int, seen: os.stat_result) -> FileState:
    return FileState(state.sha256, state.size, state.mode, seen.st_uid, seen.st_gid, has_access_list(fd))


def _require_room(context: "Context", history: History, target: Target, size: int) -> None:
    floor = context.writing.min_free_bytes
    state = os.fstatvfs(history.folder)
    if floor and state.f_bavail * state.f_frsize - size < floor:
        raise ToolFailure(
            Code.IO_ERROR,
            f"No space: to keep what is at '{echo(target.asked)}' would leave less than {floor:,} bytes free where the "
            "history lies (writes.min_free_bytes). Nothing was changed.",
            errno="ENOSPC",
        )


def _unkept(target: Target, error: OSError) -> ToolFailure:
    is_held = isinstance(error, BlockingIOError)
    reason = "another server keeps the history locked" if is_held else os.strerror(error.errno or 0)
    return ToolFailure(
        Code.IO_ERROR,
        f"What is at '{echo(target.asked)}' now could not be kept ({reason}), so the change "
        "could not be undone. Nothing was changed. The operator can switch the history off (history.enabled).",
    )
