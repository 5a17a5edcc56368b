"""The tool `write_file`: a new file, a new content for one that is there, or more at its end."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.rules.unkept import Unkept
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.steps import Steps

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")]
Digest = Annotated[
    Annotated[str, msgspec.Meta(max_length=64)] | None,
    msgspec.Meta(description="Of the file as you know it; another one is a conflict."),
]
Lost = tuple[Unkept, ...] | msgspec.UnsetType
"""What could not be kept of the file that was there: its owner, or its group, whose rights are then everybody's."""
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
    unkept: Lost = msgspec.UNSET


def run(context: "Context", arguments: WriteFile) -> Written:
    """Write a file; raises ToolFailure, Inquiry."""
    from filewarden.workers.steps import in_one_go

    return in_one_go(steps(context, arguments))


def steps(context: "Context", arguments: WriteFile) -> "Steps[Written]":
    """Likewise, beside others."""
    from filewarden.workers.writing.file_writing import Writing, write

    asked = Writing(
        path=arguments.path,
        content=arguments.content,
        overwrite=arguments.overwrite,
        append=arguments.append,
        create_parents=arguments.create_parents,
        expected_sha256=arguments.expected_sha256,
        encoding=arguments.encoding,
    )
    path, (state, unkept), created = yield from write(context, asked)
    return Written(path=path, created=created, size=state.size, sha256=state.sha256, unkept=unkept or msgspec.UNSET)


TOOL = Tool(
    name="write_file",
    title="Write a file",
    description="Writes a new file, in one step: others see all of it or none. A file that is there is left alone "
    "unless you set overwrite (its mode stays) or append. To change a part use edit_file.",
    arguments=WriteFile,
    result=Written,
    run=run,
    steps=steps,
    writes=True,
    volume=lambda arguments: len(arguments.content.encode("utf-8", "surrogatepass")),
    destructive=True,
    idempotent=False,
    aliases={"createParents": "create_parents"},
)
