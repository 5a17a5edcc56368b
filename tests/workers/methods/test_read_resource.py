import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.content import ResourceBlock
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.methods.read_resource import run
from filewarden.workers.operations import ReadResource
from filewarden.workers.paths.file_uris import uri_of
from filewarden.workers.paths.space import Space

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]


def read(context: Context, path: Path) -> ResourceBlock:
    return read_uri(context, uri_of(os.fsencode(path)))


def read_uri(context: Context, uri: str) -> ResourceBlock:
    (block,) = run(context, ReadResource(uri)).blocks
    assert isinstance(block, ResourceBlock)
    assert block.uri == uri
    return block


def refusal(context: Context, uri: str) -> Code:
    with pytest.raises(ToolFailure) as refused:
        run(context, ReadResource(uri))
    return refused.value.code


@pytest.mark.parametrize(
    ("name", "data", "media_type", "is_text"),
    [
        ("a.md", b"# A\n", "text/markdown", True),
        ("a.JSON", b"{}", "application/json", True),
        ("Makefile", "größer\n".encode(), "text/plain", True),
        ("empty", b"", "text/plain", True),
        (".bashrc", b"x", "text/plain", True),
        ("a.svg", b"<svg/>", "image/svg+xml", True),
        ("a.png", b"plain text", "image/png", False),
        ("a.txt", b"gr\xfc\xdfer", "text/plain", False),
        ("data", b"\0\1", "application/octet-stream", False),
        ("data.unknown", b"\xff", "application/octet-stream", False),
    ],
)
def test_text_is_text_and_all_else_is_bytes(
    name: str, data: bytes, media_type: str, is_text: bool, context: Context, root: Path
) -> None:
    (root / name).write_bytes(data)
    block = read(context, root / name)
    assert block.mime_type == media_type
    assert (block.text, block.blob) == ((data.decode(), None) if is_text else (None, data))


def test_a_folder_is_the_list_of_its_names(open_space: OpenSpace, make_context: MakeContext, root: Path) -> None:
    (root / "secret").touch()
    (root / os.fsdecode(b"\xff")).touch()
    context = make_context(open_space(deny=("secret",)))
    for path in (root, root / "."):
        block = read(context, path)
        assert (block.mime_type, block.text) == ("inode/directory", "sub/\na.txt\n\\xFF\n")


def test_a_long_folder_says_that_there_is_more(context: Context, root: Path, make_context: MakeContext) -> None:
    for number in range(200):
        (root / f"f{number:03}").touch()
    text = read(make_context(context.space, max_answer_chars=4000), root).text
    assert text is not None
    assert len(text) < 4000
    assert "list_directory" in text.splitlines()[-1]


def test_a_large_file_says_which_tool_reads_a_part(space: Space, make_context: MakeContext, root: Path) -> None:
    context = make_context(space, max_file_bytes=1000)
    (root / "fits").write_bytes(b"x" * 1000)
    assert read(context, root / "fits").text == "x" * 1000
    (root / "large").write_bytes(b"x" * 1001)
    with pytest.raises(ToolFailure, match=r"1,001 bytes.*read_file reads a part") as refused:
        read(context, root / "large")
    assert (refused.value.code, refused.value.details) == (Code.TOO_LARGE, {"size": 1001, "limit": 1000})


@pytest.mark.parametrize(
    "tail",
    [
        "/../OUT/canary.txt",
        "/%2e%2e/OUT/canary.txt",
        "/..%2fOUT/canary.txt",
        "/out",
        "-evil/canary.txt",
        "/none",
        "/a.txt/b",
    ],
)
def test_p38_what_is_outside_or_absent_is_refused(tail: str, context: Context, root: Path) -> None:
    (root / "out").symlink_to("../OUT/canary.txt")
    code = refusal(context, uri_of(os.fsencode(root)) + tail)
    assert code in (Code.ACCESS_DENIED, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.NOT_A_DIRECTORY)


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "file:///", "file:///R/a.txt", "file:///a.txt", "a.txt"])
def test_only_whole_addresses_of_roots_lead_anywhere(uri: str, context: Context) -> None:
    assert refusal(context, uri) in (Code.ACCESS_DENIED, Code.INVALID_ARGUMENT)


def test_c07_a_closed_file_is_refused_like_an_absent_one_would_be(
    open_space: OpenSpace, make_context: MakeContext, root: Path
) -> None:
    context = make_context(open_space(deny=("sub",)))
    for name in ("sub/b.py", "sub/none", "sub"):
        assert refusal(context, uri_of(os.fsencode(root / name))) is Code.ACCESS_DENIED


def test_a_pipe_is_refused_without_being_opened(context: Context, root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert refusal(context, uri_of(os.fsencode(root / "pipe"))) is Code.UNSUPPORTED


def test_a_link_that_stays_inside_is_read(context: Context, root: Path) -> None:
    (root / "link.md").symlink_to("a.txt")
    assert read(context, root / "link.md").text == "alpha\n"
