import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from filewarden.workers.content import AudioBlock, ImageBlock
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.space import Space
from filewarden.workers.reading.media_type import media_type
from filewarden.workers.tools.read_media_file import MediaFacts, ReadMediaFile, run

MakeContext = Callable[..., Context]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\0"))
    + chunk(b"IEND", b"")
)
MEDIA = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/gif": b"GIF89a\x01\x00\x01\x00",
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "audio/wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "audio/mpeg": b"\xff\xfb\x90\x64" + b"\0" * 60,
    "audio/flac": b"fLaC\x00\x00\x00\x22",
    "audio/ogg": b"OggS\x00\x02" + b"\0" * 20 + b"\x01\x13OpusHead\x01",
    "audio/mp4": b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
}
OTHERS = {
    "ID3 of no version": b"ID3\xff",
    "UTF-16 text": "\ufefftext".encode("utf-16-le"),
    "MPEG layer I": b"\xff\xff\x90\x64",
    "MPEG of no bitrate": b"\xff\xfb\xf0\x64",
    "video in Ogg": b"OggS\x00\x02" + b"\0" * 20 + b"\x01\x2a\x80theora",
    "short Ogg": b"OggS\x00\x02",
    "video": b"\x00\x00\x00\x20ftypisom",
    "AVI": b"RIFF\x24\x00\x00\x00AVI LIST",
    "BMP": b"BM\x3a\x00\x00\x00\x00\x00\x00\x00",
    "PNG signature alone": b"\x89PNG\r\n\x1a\n",
    "HTML": b"<!DOCTYPE html><script>alert(1)</script>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "PDF": b"%PDF-1.7",
    "ZIP": b"PK\x03\x04",
    "empty": b"",
}


@pytest.mark.parametrize(("mime_type", "data"), MEDIA.items())
def test_a_picture_or_sound_comes_as_it_is_whatever_its_name(
    context: Context, root: Path, mime_type: str, data: bytes
) -> None:
    (root / "f.txt").write_bytes(data)
    content = run(context, ReadMediaFile(path="f.txt"))
    (block,) = content.blocks
    assert block == (ImageBlock if mime_type.startswith("image/") else AudioBlock)(data, mime_type)
    assert msgspec.to_builtins(content.facts) == {
        "path": "f.txt",
        "size": len(data),
        "mime_type": mime_type,
        "changed_during_read": False,
    }


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
def test_o19_what_is_none_is_refused_and_told_what_is_allowed(context: Context, root: Path, data: bytes) -> None:
    (root / "f.png").write_bytes(data)
    with pytest.raises(ToolFailure) as refused:
        run(context, ReadMediaFile(path="f.png"))
    assert refused.value.code is Code.UNSUPPORTED
    for word in ("PNG", "JPEG", "MP3", "read_file"):
        assert word in refused.value.message


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_tagged_mp3_is_one(version: int) -> None:
    assert media_type(b"ID3" + bytes((version,)) + b"\0" * 20) == "audio/mpeg"


def test_there_is_a_limit(space: Space, make_context: MakeContext, root: Path) -> None:
    (root / "f").write_bytes(PNG + b"\0" * 100)
    size = len(PNG) + 100
    assert run(make_context(space, max_media_bytes=size), ReadMediaFile(path="f")).facts == MediaFacts(
        path="f", size=size, mime_type="image/png"
    )
    with pytest.raises(ToolFailure) as refused:
        run(make_context(space, max_media_bytes=size - 1), ReadMediaFile(path="f"))
    assert refused.value.code is Code.TOO_LARGE
    assert refused.value.details == {"size": size, "limit": size - 1}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("none", Code.NOT_FOUND),
        ("sub", Code.NOT_A_FILE),
        ("pipe", Code.UNSUPPORTED),
        ("out", Code.ACCESS_DENIED),
        ("../OUT/canary.txt", Code.ACCESS_DENIED),
    ],
)
def test_l01_what_cannot_be_read_is_refused(context: Context, root: Path, path: str, code: Code) -> None:
    os.mkfifo(root / "pipe")
    (root / "out").symlink_to("../OUT/canary.txt")
    with pytest.raises(ToolFailure) as refused:
        run(context, ReadMediaFile(path=path))
    assert refused.value.code is code
