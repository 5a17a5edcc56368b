"""The tool `write_file`: a new file, a new content for one that is there, or more at its end."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.writing.target import Target

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")]
Digest = Annotated[
    Annotated[str, msgspec.Meta(max_length=64)] | None,
    msgspec.Meta(description="Of the file as you know it; another one is a conflict."),
]
Token = Annotated[
    Annotated[str, msgspec.Meta(max_length=4096)] | None,
    msgspec.Meta(description="From a confirmation_required error."),
]


class WriteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Write one file."""

    path: Path
    content: Annotated[str, msgspec.Meta(description="Kept as it is, line ends too.")]
    overwrite: Annotated[bool, msgspec.Meta(description="Replace a file that is there.")] = False
    append: Annotated[bool, msgspec.Meta(description="Add to its end instead.")] = False
    create_parents: Annotated[bool, msgspec.Meta(description="Make missing folders.")] = False
    expected_sha256: Digest = None
    encoding: Annotated[
        Annotated[str, msgspec.Meta(max_length=64)] | None,
        msgspec.Meta(description="Default: by the file's mark, else utf-8. base64: content stands for bytes."),
    ] = None
    confirmation_token: Token = None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now."""

    path: str
    created: bool
    size: int
    sha256: str


def run(context: "Context", arguments: WriteFile) -> Written:
    """Write a file; raises ToolFailure, Inquiry."""
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.text.text_file import new_text
    from filewarden.workers.writing.old_version import absent, checked_digest

    if arguments.overwrite and arguments.append:
        raise ToolFailure(Code.INVALID_ARGUMENT, "Give either overwrite or append.")
    expected = checked_digest(arguments.expected_sha256)
    data = new_text(arguments.content, arguments.encoding or "utf-8")
    with _opened(context, arguments) as target:
        if target.state is not None:
            return _change(context, target, arguments, data)
        if expected is not None:
            raise absent(arguments.path)
        return _create(context, target, data)


def _opened(context: "Context", arguments: WriteFile) -> "Target":
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.writing.new_folders import folder_of, make_folders, name_of
    from filewarden.workers.writing.target import open_target

    path = arguments.path
    try:
        return open_target(context, path, follow=True)
    except ToolFailure as failure:
        if failure.code is not Code.NOT_FOUND or not arguments.create_parents or not folder_of(path):
            raise
    confirm(context, _question("Create", path), destructive=False, seen=b"")
    make_folders(context, folder_of(path), name_of(path))
    return open_target(context, path, follow=True)


def _create(context: "Context", target: "Target", data: bytes) -> Written:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.writing.publishing import create

    confirm(context, _question("Create", target.asked), destructive=False, seen=b"")
    create(context, target, data)
    return _written(context, target, data, created=True)


def _change(context: "Context", target: "Target", arguments: WriteFile, data: bytes) -> Written:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.identity import mark
    from filewarden.workers.writing.publishing import replace
    from filewarden.workers.writing.target import require_file

    seen = require_file(target)
    if not arguments.overwrite and not arguments.append:
        raise ToolFailure(
            Code.ALREADY_EXISTS,
            f"'{echo(target.asked)}' exists already. Change it with edit_file, or set overwrite to replace it. "
            "Nothing was changed.",
        )
    data = _appended(context, target, arguments) if arguments.append else _overwriting(context, target, arguments, data)
    question = _question("Append to" if arguments.append else "Overwrite", target.asked)
    confirm(context, question, destructive=arguments.overwrite, seen=mark(seen))
    replace(context, target, seen, data)
    return _written(context, target, data, created=False)


def _appended(context: "Context", target: "Target", arguments: WriteFile) -> bytes:
    from filewarden.workers.text.text_file import bytes_of, encoded, is_binary, open_text
    from filewarden.workers.writing.old_version import checked_digest, digest_of, read_old, require_digest, too_large

    old = read_old(context, target)
    require_digest(checked_digest(arguments.expected_sha256), digest_of(old))
    if is_binary(arguments.encoding):
        added = bytes_of(arguments.content)
    else:
        added = encoded(arguments.content, open_text(old, arguments.encoding, target.asked).codec)
    most = context.writing.max_file_bytes
    if len(old) + len(added) > most:
        raise too_large(target.asked, len(old) + len(added), most)
    return old + added


def _overwriting(context: "Context", target: "Target", arguments: WriteFile, data: bytes) -> bytes:
    """The new content; a byte-order mark that the old one has stays, unless an encoding is given."""
    import os

    from filewarden.workers.reading.checksum import sha256
    from filewarden.workers.text.text_file import marked
    from filewarden.workers.writing.old_version import checked_digest, open_old, require_digest
    from filewarden.workers.writing.write_failures import failures_of

    with open_old(target) as old, failures_of(target.asked):
        expected = checked_digest(arguments.expected_sha256)
        if expected is not None:
            require_digest(expected, sha256(context, old))
        return data if arguments.encoding is not None else marked(arguments.content, os.pread(old.fd, 4, 0))


def _question(verb: str, path: str) -> str:
    from filewarden.workers.paths.names import echo

    return f"{verb} '{echo(path)}'?"


def _written(context: "Context", target: "Target", data: bytes, *, created: bool) -> Written:
    from filewarden.workers.writing.old_version import digest_of

    path = context.space.display(target.folder.root, target.names)
    return Written(path=path, created=created, size=len(data), sha256=digest_of(data))


TOOL = Tool(
    name="write_file",
    title="Write a file",
    description="Writes a new file, in one step: others see all of it or none. A file that is there is left alone "
    "unless you set overwrite (its mode stays) or append. To change a part use edit_file.",
    arguments=WriteFile,
    result=Written,
    run=run,
    writes=True,
    volume=lambda arguments: len(arguments.content.encode("utf-8", "surrogatepass")),
    destructive=True,
    idempotent=False,
    aliases={"createParents": "create_parents"},
)
