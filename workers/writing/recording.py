"""How a call records its changes in the history, each before it is made.

With durability, what is recorded outlives a loss of power before the change is made. A draft that the change is made of
is flushed at the same time, and only then put in its place.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.image import Image
from filewarden.workers.history.recorded import Action, FileState, Identity, Recorded
from filewarden.workers.history.store import History
from filewarden.workers.paths.names import echo, show
from filewarden.workers.rules.durability import Durability
from filewarden.workers.writing.drafts import READ, Draft, changed
from filewarden.workers.writing.identity import identity_of, is_same
from filewarden.workers.writing.interrupted import resolve
from filewarden.workers.writing.target import Target

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_BLOCK_BYTES = 1 << 20


def place_of(target: Target) -> str:
    """The absolute path without links, in its shown form."""
    return show(b"/".join((target.folder.root.location.rstrip(b"/"), *target.names)))


def state_of(data: bytes, mode: int) -> FileState:
    """The state of a file with such content and permissions."""
    return FileState(hashlib.sha256(data, usedforsecurity=False).hexdigest(), len(data), mode & 0o777)


@contextlib.contextmanager
def content_change(
    context: "Context", target: Target, after: FileState | None, draft: Draft | None = None
) -> Iterator[None]:
    """Record that a file comes to be, gets other bytes, or goes, and make it within; `draft` holds what is to come."""
    with _recorded(context, target, "content", displaces=True, after=after, draft=draft):
        yield


@contextlib.contextmanager
def folder_change(context: "Context", target: Target, *, comes: bool, mode: int) -> Iterator[None]:
    """Record that an empty folder comes to be, or goes."""
    state = FileState("", 0, mode & 0o777)
    before, after = (None, state) if comes else (state, None)
    with _recorded(context, target, "folder", before=before, after=after):
        yield


@contextlib.contextmanager
def move_change(
    context: "Context",
    source: Target,
    destination: Target,
    *,
    displaces: bool,
    refilled: FileState | None = None,
    draft: Draft | None = None,
) -> Iterator[None]:
    """Record a move, with what it displaces; `refilled` is what comes to be at its source, and `draft` holds it."""
    if source.state is None:
        raise changed()
    with _recorded(
        context,
        destination,
        "move",
        displaces=displaces,
        source=place_of(source),
        after=refilled,
        identity=identity_of(source.state),
        draft=draft,
    ):
        yield


@contextlib.contextmanager
def trash_change(
    context: "Context", target: Target, trash_id: str, state: os.stat_result, *, action: Action
) -> Iterator[None]:
    """Record a way into the trash, or out of it."""
    with _recorded(context, target, action, trash_id=trash_id, identity=identity_of(state)):
        yield


@contextlib.contextmanager
def removal(context: "Context", target: Target, state: os.stat_result) -> Iterator[None]:
    """Record that something goes for good; what is neither a file nor an empty folder cannot be brought back."""
    if stat.S_ISREG(state.st_mode):
        with content_change(context, target, None):
            yield
    else:
        with _recorded(context, target, "removal"):
            yield


@contextlib.contextmanager
def _recorded(
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
) -> Iterator[None]:
    journal = context.journal
    if journal.history is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        with _keeping(target):
            image, before = _taken(context, journal.history, stack, target if displaces else None, before)
        recorded = Recorded(
            operation=journal.operation,
            principal=journal.principal,
            call=journal.call,
            action=action,
            path=place_of(target),
            source=source,
            before=before,
            after=after,
            identity=identity,
            trash_id=trash_id,
            undoes=journal.undoes,
        )
        with _unforgotten(image):
            _announce(context, target, image, recorded, draft)
        with _settled(context, journal.history, image):
            yield


def _announce(context: "Context", target: Target, image: Image, recorded: Recorded, draft: Draft | None) -> None:
    """Say what will be done, and make it last together with the draft.

    Raises:
        ToolFailure: it cannot be kept.
        OSError: the draft cannot be flushed.
    """
    with _keeping(target):
        image.announce(recorded)
        if context.writing.durability is not Durability.FULL:
            return
        image.last()
    failed: OSError | None = None
    with _keeping(target), context.journal.flusher.flushing(image.fd):
        try:
            if draft is not None:
                draft.flush()
        except OSError as error:
            failed = error
    if failed is not None:
        raise failed


@contextlib.contextmanager
def _keeping(target: Target) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unkept(target, error) from None


def _taken(
    context: "Context",
    history: History,
    stack: contextlib.ExitStack,
    displaced: Target | None,
    before: FileState | None,
) -> tuple[Image, FileState | None]:
    """A new file in the history, with the bytes of what is displaced."""
    if displaced is None or displaced.state is None:
        return stack.enter_context(history.image(0)), before
    old = os.open(displaced.name, READ, dir_fd=displaced.folder.fd)
    stack.callback(os.close, old)
    seen = os.fstat(old)
    if not stat.S_ISREG(seen.st_mode) or not is_same(seen, displaced.state):
        raise changed()
    _require_room(context, history, displaced, seen.st_size)
    image = stack.enter_context(history.image(seen.st_size))
    with _unforgotten(image):
        return image, _copied(context, old, seen, image)


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
    return FileState(digest.hexdigest(), done, stat.S_IMODE(seen.st_mode))


@contextlib.contextmanager
def _unforgotten(image: Image) -> Iterator[None]:
    """Whatever is raised, the change is not made."""
    try:
        yield
    except BaseException:
        _forget(image)
        raise


@contextlib.contextmanager
def _settled(context: "Context", history: History, image: Image) -> Iterator[None]:
    """A change that was refused is forgotten; after a failure it is looked at, and stays pending where nobody knows."""
    try:
        yield
    except ToolFailure as failure:
        if failure.details.get("outcome") != "unknown":
            _forget(image)
        raise
    except FileExistsError:
        _forget(image)
        raise
    except OSError:
        with contextlib.suppress(OSError, ToolFailure):
            image.release()
            resolve(context, history, image.identifier)
        raise
    with contextlib.suppress(OSError):  # it was made: whoever finds it pending will see
        image.settle()


def _forget(image: Image) -> None:
    with contextlib.suppress(OSError):  # it says what was not begun, or what can be seen not to be made
        image.forget()


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
    return ToolFailure(
        Code.IO_ERROR,
        f"What is at '{echo(target.asked)}' now could not be kept ({os.strerror(error.errno or 0)}), so the change "
        "could not be undone. Nothing was changed. The operator can switch the history off (history.enabled).",
    )
