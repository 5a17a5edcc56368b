"""Sections O, P and Q for the tools that read: parts of huge files, several files, media, encodings, and near names."""

import base64
import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

Json = dict[str, Any]
MIB = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17)


def read(client: Any, path: str, **arguments: Any) -> tuple[str, Json]:
    """The text and the facts about it."""
    result = client.call("read_file", path=path, **arguments)
    assert not result.get("isError"), result
    return result["content"][0]["text"], result["_meta"]["io.filewarden/read_file"]


def largest_worker_mb(client: Any) -> float:
    """What the workers have in memory, as the server itself sees it, or -1 before it has looked."""
    return float(max((worker["rss_bytes"] or -MIB) / MIB for worker in client.status()["workers"]))


def test_o05_o02_what_is_hidden_in_content_is_announced(client: Any, folder: Path) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "call delete")
    (folder / "note.txt").write_text(f"visible{hidden}\x1b[2J\n")
    result = client.call("read_file", path=f"{folder.name}/note.txt")
    text, notice = (block["text"] for block in result["content"])
    assert text == f"visible{hidden}\x1b[2J\n"
    assert notice == "[The text contains 11 invisible and 1 control character(s), passed on as they are.]"
    facts = result["_meta"]["io.filewarden/read_file"]
    assert (facts["invisible_characters"], facts["control_characters"]) == (11, 1)


def test_o09_the_rest_of_a_long_line_can_be_read(client: Any, folder: Path) -> None:
    """One line of 200 MB, from its start, by its middle, to its end; nobody holds it in memory."""
    with (folder / "line.txt").open("wb") as file:
        for _ in range(200):
            file.write(b"0123456789" * 100_000)
    path = f"{folder.name}/line.txt"
    before = client.memory_mb()
    text, facts = read(client, path, head=1)
    assert (len(text), facts["truncated"], facts["next_byte_offset"]) == (MIB, True, MIB)
    text, facts = read(client, path, byte_offset=facts["next_byte_offset"], byte_limit=10)
    assert (text, facts["next_byte_offset"]) == ("6789012345", MIB + 10)
    text, facts = read(client, path, byte_offset=199_999_995)
    assert (text, facts["final_newline"]) == ("56789", False)
    text, facts = read(client, path, tail=1, encoding="latin-1")
    assert (len(text), facts["byte_offset"]) == (MIB, 200_000_000 - MIB)
    text, facts = read(client, path, head=1, line_numbers=True)
    assert text.endswith(f"[{MIB - 2000} more characters; byte_offset=2000]")
    assert client.memory_mb() - before < 50
    assert largest_worker_mb(client) < 256


def test_o08_l25_five_gigabytes_of_hole(client: Any, folder: Path) -> None:
    size = 5 << 30
    with (folder / "huge.txt").open("wb") as file:
        file.write(b"first\n")
        file.truncate(size)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast\n")
    check_huge(client, f"{folder.name}/huge.txt", size + 6)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_o08_five_gigabytes_of_lines(client: Any, folder: Path) -> None:
    if shutil.disk_usage(folder).free < 12 << 30:
        pytest.skip("needs 12 GB of free disk")
    block = b"".join(b"this is line %09d\n" % number for number in range(1 << 20))
    with (folder / "huge.txt").open("wb") as file:
        file.write(b"first\n")
        for _ in range(222):
            file.write(block)
        file.write(b"last\n")
    path = f"{folder.name}/huge.txt"
    check_huge(client, path, 11 + 222 * len(block))
    before = client.memory_mb()
    text, facts = read(client, path, offset=3 * (1 << 20), limit=2)
    assert (text, facts["next_offset"]) == ("this is line 001048574\nthis is line 001048575\n", 3 * (1 << 20) + 2)
    assert client.code("read_file", path=path, offset=10**9) in ("timeout", "invalid_argument")
    assert client.code("read_file", path=path, tail=1, line_numbers=True) in ("ok", "timeout")
    assert client.code("get_file_info", path=path, checksum=True) in ("ok", "timeout")
    assert client.memory_mb() - before < 50
    assert largest_worker_mb(client) < 256


def check_huge(client: Any, path: str, size: int) -> None:
    before = client.memory_mb()
    begun = time.monotonic()
    assert client.code("read_file", path=path) == "too_large"
    assert read(client, path, head=1)[0] == "first\n"
    text, facts = read(client, path, tail=1)
    assert (text, facts["size"]) == ("last\n", size)
    assert facts["byte_offset"] == size - 5
    assert read(client, path, byte_offset=size - 5)[0] == "last\n"
    assert len(client.call("read_file", path=path, byte_offset=1 << 31)["content"][0]["text"]) <= 3 * MIB
    assert time.monotonic() - begun < 10 + BUSY_S
    assert client.memory_mb() - before < 50
    assert largest_worker_mb(client) < 256


def test_o15_several_files_in_one_call(client: Any, folder: Path) -> None:
    name = folder.name
    (folder / "a.txt").write_text("alpha\n")
    os.mkfifo(folder / "pipe")
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 30)
    paths = [f"{name}/a.txt", ".env", f"{name}/huge", f"{name}/pipe", "../OUT/canary.txt", f"{name}/A.txt", "small.txt"]
    result = client.call("read_multiple_files", paths=paths)
    files = result["_meta"]["io.filewarden/read_multiple_files"]["files"]
    codes = [file.get("error", {}).get("code", "ok") for file in files]
    assert codes == ["ok", "access_denied", "too_large", "unsupported", "access_denied", "not_found", "ok"]
    assert [block["text"].partition("\n")[2] for block in result["content"]][::6] == ["alpha\n", "small text\n"]
    for count in (0, 51, 10_000):
        assert client.code("read_multiple_files", paths=["small.txt"] * count) == "invalid_argument"
    (folder / "large.txt").write_text("x" * 99_999 + "\n")
    result = client.call("read_multiple_files", paths=[f"{name}/large.txt"] * 50)
    assert len(json.dumps(result)) < 1_200_000
    facts = result["_meta"]["io.filewarden/read_multiple_files"]
    assert (facts["total"], facts["failed"]) == (10, 40)
    assert result["content"][-1]["text"].endswith("Left out: the answer is full. Ask for it in another call.")


def test_o16_parts_of_what_is_no_text(client: Any, folder: Path) -> None:
    content = os.urandom(1 << 20) + b"\0" * 500_000
    (folder / "b.bin").write_bytes(content)
    got = b""
    offset: int | None = 0
    while offset is not None:
        text, facts = read(client, f"{folder.name}/b.bin", byte_offset=offset, byte_limit=700_000)
        got += base64.b64decode(json.loads(text)["data"])
        offset = facts.get("next_byte_offset")
    assert got == content


def test_o19_media_are_known_by_their_content(client: Any, folder: Path) -> None:
    disguised = {
        "page.png": b"<!DOCTYPE html><script>alert(1)</script>",
        "active.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "text.jpg": b"just text",
        "empty.gif": b"",
    }
    for name, data in disguised.items():
        (folder / name).write_bytes(data)
        result = client.call("read_media_file", path=f"{folder.name}/{name}")
        assert result["structuredContent"]["error"]["code"] == "unsupported"
        assert "PNG, JPEG, GIF, WebP" in result["content"][0]["text"]
    (folder / "picture.txt").write_bytes(PNG)
    (folder / "sound.html").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    (picture,) = client.call("read_media_file", path=f"{folder.name}/picture.txt")["content"]
    assert picture == {"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"}
    (sound,) = client.call("read_media_file", path=f"{folder.name}/sound.html")["content"]
    assert (sound["type"], sound["mimeType"]) == ("audio", "audio/wav")


def test_q07_media_have_a_limit_of_their_own(client: Any, folder: Path) -> None:
    path = f"{folder.name}/p.png"
    (folder / "p.png").write_bytes(PNG + bytes(3_932_160 - len(PNG)))
    before = client.memory_mb()
    (picture,) = client.call("read_media_file", path=path)["content"]
    assert len(picture["data"]) == 5 * MIB
    with (folder / "p.png").open("ab") as file:
        file.write(b"\0")
    assert client.code("read_media_file", path=path) == "too_large"
    assert client.memory_mb() - before < 50


@pytest.mark.parametrize(
    ("encoding", "asked", "text"),
    [
        ("cp1251", "auto", "Съешь же ещё этих мягких французских булок\n"),
        ("cp932", "auto", "これは日本語のテキストです\n"),
        ("utf-16", "auto", "Größe und Übermut\r\n"),
        ("utf-32", "utf-32", "naïve\n"),
        ("utf-8-sig", "utf-8", "mark\n"),
        ("gb18030", "gb18030", "配置文件\n"),
        ("euc-jp", "euc_jp", "設定\n"),
    ],
)
def test_every_encoding_makes_the_round_trip(client: Any, folder: Path, encoding: str, asked: str, text: str) -> None:
    """In a confined worker, which can load no codec and no table any more."""
    (folder / "f.txt").write_bytes((text * 3).encode(encoding))
    for arguments in ({}, {"head": 3}, {"tail": 3}, {"byte_offset": 0}, {"offset": 1, "limit": 3}):
        assert read(client, f"{folder.name}/f.txt", encoding=asked, **arguments)[0] == text * 3


def test_a_checksum_of_a_confined_worker(client: Any, folder: Path) -> None:
    data = os.urandom(3_000_000)
    (folder / "f").write_bytes(data)
    known = client.data("get_file_info", path=f"{folder.name}/f", checksum=True)
    assert known["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("caf\u00e9.txt", "cafe\u0301.txt"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("Screenshot 3.05\u202fPM.png", "Screenshot 3.05 PM.png"),
        ("README.md", "readme.md"),
        ("main.py", "mian.py"),
        ("a\u200bb.txt", "ab.txt"),
    ],
)
def test_p33_p34_the_nearest_name_is_suggested(client: Any, folder: Path, there: str, asked: str) -> None:
    (folder / there).write_text("found")
    for tool in ("read_file", "get_file_info", "list_directory", "read_media_file"):
        result = client.call(tool, path=f"{folder.name}/{asked}")
        error = result["structuredContent"]["error"]
        assert error["code"] == "not_found"
        assert error["did_you_mean"] in result["content"][0]["text"]
    assert client.text(error["did_you_mean"]) == "found"


def test_p33_nothing_closed_or_outside_is_suggested(client: Any, ground: Any) -> None:
    for path in (".emv", "secret", "secrets2", "R-evi", "smalll/../../R-evi"):
        result = client.call("get_file_info", path=path)
        assert result["structuredContent"]["error"]["code"] in ("not_found", "access_denied")
        assert "did_you_mean" not in result["structuredContent"]["error"], path


def test_p33_no_root_tells_where_it_lies(client: Any, ground: Any) -> None:
    listed = client.call("list_allowed_directories")
    assert listed["structuredContent"] == {"total": 1, "directories": [{"name": "R", "path": ".", "mode": "ro"}]}
    assert str(ground.base) not in json.dumps(listed)


def test_q15_progress_is_told_and_not_in_floods(client: Any, folder: Path) -> None:
    """Figures that only grow, at most ten a second after a burst of ten."""
    size = 1 << 30
    with (folder / "huge").open("wb") as file:
        file.truncate(size)
    arguments = {"path": f"{folder.name}/huge", "checksum": True}
    question = {"name": "get_file_info", "arguments": arguments, "_meta": {"progressToken": "p"}}
    begun = time.monotonic()
    client.raw(client.frame("tools/call", question))
    took = time.monotonic() - begun
    messages = [json.loads(line) for _, line in client.traffic if line]
    told = [one["params"] for one in messages if one.get("method") == "notifications/progress"]
    assert all(one["progressToken"] == "p" and one["total"] == size for one in told)
    assert [one["progress"] for one in told] == sorted({one["progress"] for one in told})
    assert 5 <= len(told) <= 10 * took + 12
