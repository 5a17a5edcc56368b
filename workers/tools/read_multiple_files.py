"""The tool `read_multiple_files`: several texts in one answer, a block for each; a failure of one is its own."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.errors import Code
from filewarden.workers.text.text_facts import TextFacts
from filewarden.workers.tool import Content, Kind, Tool
from filewarden.workers.tools.read_file import MOST_SHOWN_CHARS, Count, EncodingName, LineNumbers

if TYPE_CHECKING:
    from filewarden.workers.content import TextBlock
    from filewarden.workers.context import Context
    from filewarden.workers.text.part import Part

MOST_PATHS = 50
_FACTS_BYTES = 512
"""About what the facts of one file take beside its path, which stands in them and before the text."""

FilePath = Annotated[str, msgspec.Meta(min_length=1, max_length=16384)]


class ReadMultipleFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Read several files."""

    paths: Annotated[
        list[FilePath], msgspec.Meta(min_length=1, max_length=MOST_PATHS, description="Relative to the root.")
    ]
    encoding: EncodingName = "utf-8"
    head: Annotated[Count | None, msgspec.Meta(description="So many first lines of each.")] = None
    tail: Annotated[Count | None, msgspec.Meta(description="So many last lines of each.")] = None
    line_numbers: LineNumbers = False


class Refused(msgspec.Struct, frozen=True):
    """Why one file is not in the answer."""

    code: Code
    message: str


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """One file of those asked for: the facts of its text, or why there is none."""

    path: str
    facts: TextFacts | msgspec.UnsetType = msgspec.UNSET
    error: Refused | msgspec.UnsetType = msgspec.UNSET


class FilesRead(msgspec.Struct, frozen=True, kw_only=True):
    """What is told about the texts beside them, in the order asked for."""

    total: int
    """How many were read."""
    failed: int
    files: list[FileRead]


def run(context: "Context", arguments: ReadMultipleFiles) -> Content:
    """Read the files one after the other until the answer is full or the time is up."""
    from filewarden.workers.text.decoding import known_name
    from filewarden.workers.text.part import Part, check

    part = Part(
        encoding=known_name(arguments.encoding),
        head=arguments.head,
        tail=arguments.tail,
        line_numbers=arguments.line_numbers,
    )
    check(part)
    left = context.limits.max_file_bytes
    blocks: list[TextBlock] = []
    files: list[FileRead] = []
    for count, path in enumerate(arguments.paths):
        context.progress(count, len(arguments.paths), "Reading files")
        block, file = _one(context, path, part, left)
        left -= len(block.text.encode()) + len(file.path) + _FACTS_BYTES
        blocks.append(block)
        files.append(file)
    failed = sum(file.error is not msgspec.UNSET for file in files)
    return Content(tuple(blocks), FilesRead(total=len(files) - failed, failed=failed, files=files))


def _one(context: "Context", path: str, part: "Part", left: int) -> "tuple[TextBlock, FileRead]":
    from filewarden.workers.content import TextBlock
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.paths.names import echo

    try:
        text, facts = _text(context, path, part, left)
    except ToolFailure as failure:
        shown = echo(path)
        refused = FileRead(path=shown, error=Refused(failure.code, failure.message))
        return TextBlock(f"==> {shown} <==\nError: {failure.message}"), refused
    notice = "" if facts.notice is msgspec.UNSET else f"\n{facts.notice}"
    return TextBlock(f"==> {facts.path} <==\n{text}{notice}"), FileRead(path=facts.path, facts=facts)


def _text(context: "Context", path: str, part: "Part", left: int) -> tuple[str, TextFacts]:
    """Read one file with what is left of the answer; raises ToolFailure."""
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.reading.text_reading import read
    from filewarden.workers.reporter import SILENT

    if context.is_overdue():
        raise ToolFailure(Code.TIMEOUT, "Left out: the time was up. Ask for it in a call of its own.")
    with context.space.open_file(path) as handle:
        if left <= 0:
            raise _too_large(0, context.limits.max_file_bytes)
        limits = msgspec.structs.replace(context.limits, max_file_bytes=left)
        try:
            reading = read(msgspec.structs.replace(context, limits=limits, reporter=SILENT), handle, part)
        except ToolFailure as failure:
            if failure.code is Code.TOO_LARGE:
                raise _too_large(handle.stat.st_size, context.limits.max_file_bytes) from None
            raise
    if reading.facts.binary:
        raise ToolFailure(
            Code.UNSUPPORTED,
            f"Not text: {reading.facts.size:,} bytes. read_file gives them in base64; "
            "pictures and sounds are for read_media_file.",
        )
    return reading.data.decode(), reading.facts


def _too_large(size: int, limit: int) -> Exception:
    """Say whether the file is too large for any answer, or only for what is left of this one."""
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.reading.text_reading import too_large

    if size > limit:
        return too_large(size, limit)
    return ToolFailure(Code.TOO_LARGE, "Left out: the answer is full. Ask for it in another call.")


TOOL = Tool(
    name="read_multiple_files",
    title="Read several files",
    description=f"Reads up to {MOST_PATHS} text files, each into a block that begins ==> path <==. Together they are "
    "as long as one answer of read_file may be; a file that fails or no longer fits says so in its block.",
    arguments=ReadMultipleFiles,
    result=FilesRead,
    run=run,
    kind=Kind.CONTENT,
    max_result_chars=MOST_SHOWN_CHARS,
)
