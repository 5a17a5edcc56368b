"""The tool `edit_file`: passages of a text file are replaced; all of them or none, and nothing else changes."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Digest, Lost, Path, Token

if TYPE_CHECKING:
    import os

    from filewarden.workers.context import Context
    from filewarden.workers.steps import Steps
    from filewarden.workers.writing.edits import Edited, EditError
    from filewarden.workers.writing.target import Target

MOST_EDITS = 1000
_SHOWN_SHARE = 8
"""Of a long answer, the part that a diff of what is done may take; before it is done, all of it."""


class Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replacement."""

    old_text: Annotated[str, msgspec.Meta(description="Exactly as in the file, and only once there.")]
    new_text: str
    replace_all: Annotated[bool, msgspec.Meta(description="Wherever it is.")] = False


class EditFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Edit one file."""

    path: Path
    edits: Annotated[
        tuple[Replacement, ...],
        msgspec.Meta(min_length=1, max_length=MOST_EDITS, description="Each sees what those before have made."),
    ]
    dry_run: Annotated[bool, msgspec.Meta(description="Only show the diff.")] = False
    expected_sha256: Digest = None
    encoding: Annotated[
        Annotated[str, msgspec.Meta(max_length=64)] | None,
        msgspec.Meta(description="Default: by the file's mark, else utf-8; auto detects it."),
    ] = None
    confirmation_token: Token = None


class FileEdited(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now, or would be."""

    path: str
    dry_run: bool
    replacements: int
    size: int
    sha256: str
    diff: str
    unkept: Lost = msgspec.UNSET


def run(context: "Context", arguments: EditFile) -> FileEdited:
    """Edit a file; raises ToolFailure, Inquiry."""
    from filewarden.workers.steps import in_one_go

    return in_one_go(steps(context, arguments))


def steps(context: "Context", arguments: EditFile) -> "Steps[FileEdited]":
    """Likewise, beside others."""
    from filewarden.workers.text.text_file import open_text
    from filewarden.workers.writing.old_version import checked_digest, digest_of, read_old, require_digest
    from filewarden.workers.writing.publishing import claimed
    from filewarden.workers.writing.target import open_target, require_file

    expected = checked_digest(arguments.expected_sha256)
    volume = TOOL.volume(arguments)
    with (yield from claimed(open_target(context, arguments.path, follow=True, makes=False), volume)) as target:
        seen = require_file(target)
        old = read_old(context, target)
        require_digest(expected, digest_of(old))
        file = open_text(old, arguments.encoding, arguments.path)
        edited = _edited(context, arguments, file.text)
        data = file.encoded(edited.text)
        unkept: Lost = msgspec.UNSET
        if not arguments.dry_run:
            unkept = yield from _publish(context, target, seen, data, digest_of(old))
        path = context.space.display(target.folder.root, target.names)
        return FileEdited(
            path=path,
            dry_run=arguments.dry_run,
            replacements=edited.replacements,
            size=len(data),
            sha256=digest_of(data),
            diff=_diff(context, arguments, path, file.text, edited.text),
            unkept=unkept,
        )


def _edited(context: "Context", arguments: EditFile, text: str) -> "Edited":
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.writing.edits import Edit, EditError, apply_edits

    def checkpoint() -> None:
        if context.is_overdue():
            raise ToolFailure(Code.TIMEOUT, "Timeout: there was no time for so many edits. Nothing was changed.")

    edits = [Edit(each.old_text, each.new_text, each.replace_all) for each in arguments.edits]
    try:
        return apply_edits(text, edits, most_chars=context.writing.max_file_bytes, checkpoint=checkpoint)
    except EditError as error:
        raise _refusal(error, len(edits)) from None


def _refusal(error: "EditError", count: int) -> Exception:
    from filewarden.workers.errors import Code, ToolFailure

    code = Code.INVALID_ARGUMENT if error.is_invalid else Code.TOO_LARGE if error.is_too_large else Code.CONFLICT
    which = f"Edit {error.number} of {count}: " if count > 1 else ""
    places = [f"line {each.line}: {each.text}" for each in error.candidates]
    shown = f" See {'; '.join(places)}." if places else ""
    message = f"{which}{error.problem}. Nothing was changed.{shown}"
    return ToolFailure(code, message, edit=error.number, candidates=places)


def _publish(context: "Context", target: "Target", seen: "os.stat_result", data: bytes, digest: str) -> "Steps[Lost]":
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.old_version import too_large
    from filewarden.workers.writing.publishing import replace

    if len(data) > context.writing.max_file_bytes:
        raise too_large(target.asked, len(data), context.writing.max_file_bytes)
    confirm(context, f"Edit '{echo(target.asked)}'?", destructive=True, seen=digest.encode())
    return (yield from replace(context, target, seen, data)).unkept or msgspec.UNSET


def _diff(context: "Context", arguments: EditFile, path: str, old: str, new: str) -> str:
    from filewarden.workers.writing.diffs import unified_diff

    most = context.limits.max_answer_chars
    return unified_diff(old, new, path, most if arguments.dry_run else most // _SHOWN_SHARE)


TOOL = Tool(
    name="edit_file",
    title="Edit a file",
    description="Replaces passages of a text file, all or none. Encoding, line ends and all other bytes stay as they "
    "are. If old_text is not there exactly once, nothing changes and the nearest places are told. Answers with a diff.",
    arguments=EditFile,
    result=FileEdited,
    run=run,
    steps=steps,
    writes=True,
    volume=lambda arguments: sum(len(each.new_text.encode("utf-8", "surrogatepass")) for each in arguments.edits),
    destructive=True,
    idempotent=False,
    aliases={"dryRun": "dry_run", "edits.oldText": "old_text", "edits.newText": "new_text"},
)
