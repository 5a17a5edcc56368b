"""How `write_file` writes: a new file, a new content for one that is there, or more at its end."""

from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.confirmation import confirm
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo
from filewarden.workers.reading.checksum import sha256
from filewarden.workers.rules.confirm_policy import Policy
from filewarden.workers.steps import ALONE, Steps
from filewarden.workers.text.text_file import bytes_of, encoded, is_binary, marked, new_text, open_text
from filewarden.workers.writing.identity import mark
from filewarden.workers.writing.new_folders import folder_of, make_folders, name_of
from filewarden.workers.writing.old_version import (
    absent,
    checked_digest,
    digest_of,
    first_of_old,
    open_old,
    read_old,
    require_digest,
    too_large,
)
from filewarden.workers.writing.publishing import Published, claimed, create, replace
from filewarden.workers.writing.target import Target, open_target, require_file
from filewarden.workers.writing.write_failures import failures_of

if TYPE_CHECKING:
    from filewarden.workers.context import Context


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, as the tool's arguments say it."""

    path: str
    content: str
    overwrite: bool
    append: bool
    create_parents: bool
    expected_sha256: str | None
    encoding: str | None


def write(context: "Context", asked: Writing) -> Steps[tuple[str, Published, bool]]:
    """Write a file: its path, what is there now, and whether it is new; raises ToolFailure, Inquiry."""
    if asked.overwrite and asked.append:
        raise ToolFailure(Code.INVALID_ARGUMENT, "Give either overwrite or append.")
    expected = checked_digest(asked.expected_sha256)
    data = new_text(asked.content, asked.encoding or "utf-8")
    with (yield from _opened(context, asked)) as target:
        is_new = target.state is None
        if not is_new:
            after = yield from _change(context, target, asked, expected, data)
        elif expected is not None:
            raise absent(asked.path)
        else:
            _ask(context, "Create", target)
            after = yield from create(context, target, data)
        return context.space.display(target.folder.root, target.names), after, is_new


def _opened(context: "Context", asked: Writing) -> Steps[Target]:
    path = asked.path
    try:
        target = open_target(context, path, follow=True)
    except ToolFailure as failure:
        if failure.code is not Code.NOT_FOUND or not asked.create_parents or not folder_of(path):
            raise
    else:
        return (yield from claimed(target, len(asked.content)))
    yield ALONE
    confirm(context, f"Create '{echo(path)}'?", destructive=False, seen=b"")
    make_folders(context, folder_of(path), name_of(path))
    return open_target(context, path, follow=True)


def _change(context: "Context", target: Target, asked: Writing, expected: str | None, data: bytes) -> Steps[Published]:
    seen = require_file(target)
    if asked.append:
        data = _appended(context, target, asked, expected)
        _ask(context, "Append to", target)
    elif asked.overwrite:
        data = _overwriting(context, target, asked, expected, data)
        _ask(context, "Overwrite", target, destructive=True)
    else:
        raise ToolFailure(
            Code.ALREADY_EXISTS,
            f"'{echo(target.asked)}' exists already. Change it with edit_file, or set overwrite to replace it. "
            "Nothing was changed.",
        )
    return (yield from replace(context, target, seen, data))


def _appended(context: "Context", target: Target, asked: Writing, expected: str | None) -> bytes:
    old = read_old(context, target)
    if expected is not None:
        require_digest(expected, digest_of(old))
    if is_binary(asked.encoding):
        added = bytes_of(asked.content)
    else:
        added = encoded(asked.content, open_text(old, asked.encoding, target.asked).codec)
    most = context.writing.max_file_bytes
    if len(old) + len(added) > most:
        raise too_large(target.asked, len(old) + len(added), most)
    return old + added


def _overwriting(context: "Context", target: Target, asked: Writing, expected: str | None, data: bytes) -> bytes:
    """The new content; a byte-order mark that the old one has stays, unless an encoding is given."""
    if expected is not None:
        with failures_of(target.asked):
            require_digest(expected, sha256(context, open_old(target)))
    return data if asked.encoding is not None else marked(asked.content, first_of_old(target, 4))


def _ask(context: "Context", verb: str, target: Target, *, destructive: bool = False) -> None:
    if context.confirm is not Policy.NEVER:
        confirm(context, f"{verb} '{echo(target.asked)}'?", destructive=destructive, seen=mark(target.state))
