"""Section P: spelling of paths, aimed at every tool that takes one."""

import json
import os
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

DENIED = {"access_denied"}
MISSING = {"not_found", "not_a_directory"}
INVALID = {"invalid_argument"}


def codes(client: Any, path: str) -> set[str]:
    return set(client.aim(path).values())


def check_round_trip(client: Any, folder: Path, name: bytes) -> str:
    """A file with this name is listed, found, described and read by the form in which it is shown; that form."""
    (folder / os.fsdecode(name)).write_bytes(b"by its name")
    (folder / "neighbour.txt").write_text("unharmed")
    listing = client.data("list_directory", path=folder.name, show_hidden=True)
    assert len(listing["entries"]) == 2
    shown = next(entry for entry in listing["entries"] if entry["name"] != "neighbour.txt")
    found = client.data("search_files", path=folder.name, pattern="*")
    assert {match["path"] for match in found["matches"]} == {shown["path"], f"{folder.name}/neighbour.txt"}
    assert client.text(shown["path"]) == "by its name"
    assert client.data("get_file_info", path=shown["path"], checksum=True)["path"] == shown["path"]
    several = client.call("read_multiple_files", paths=[shown["path"]])["content"][0]["text"]
    assert several == f"==> {shown['path']} <==\nby its name"
    assert client.code("read_media_file", path=shown["path"]) == "unsupported"  # found, and no picture
    assert client.data("get_file_info", path="small.txt")["size"] == 11
    name_shown: str = shown["name"]
    return name_shown


def test_p01_dot_dot_absolute(client: Any, ground: Any) -> None:
    assert codes(client, f"{ground.root}/../OUT/canary.txt") == DENIED
    assert codes(client, f"{ground.root}/../OUT") == DENIED


def test_p02_dot_dot_relative(client: Any, folder: Path) -> None:
    for path in ("../OUT/canary.txt", f"{folder.name}/../../OUT/canary.txt", "../OUT", "./../OUT", "a/b/../../../OUT"):
        assert codes(client, path) == DENIED, path


def test_p03_dot_dot_after_a_name_that_is_missing(client: Any, ground: Any) -> None:
    for path in ("dir1/../../OUT/pwned.txt", "dir1/../../OUT/canary.txt", f"{ground.root}/dir1/../../OUT"):
        assert codes(client, path) == DENIED, path
    assert not (ground.root / "dir1").exists()


def test_p04_dot_dot_through_a_file(client: Any, folder: Path) -> None:
    (folder / "file.txt").write_text("x")
    assert codes(client, f"{folder.name}/file.txt/../../../OUT/canary.txt") == DENIED
    assert codes(client, f"{folder.name}/file.txt/../file.txt") <= MISSING


def test_p05_many_dot_dots(client: Any) -> None:
    assert codes(client, "../" * 100 + "etc/passwd") == DENIED
    assert codes(client, "a/" * 50 + "../" * 100 + "etc/passwd") == DENIED


@pytest.mark.parametrize("path", ["/etc/passwd", "/", "/root/.ssh/id_rsa", "/etc", "/proc", "/tmp"])
def test_p06_plain_absolute(client: Any, path: str) -> None:
    assert codes(client, path) == DENIED


def test_p07_prefix_sibling(client: Any, ground: Any) -> None:
    for path in (f"{ground.root}-evil/canary.txt", "../R-evil/canary.txt", f"{ground.root}-evil", "../R-evil"):
        assert codes(client, path) == DENIED, path


def test_p08_sibling_by_trailing_space_or_dot(client: Any, ground: Any) -> None:
    root = str(ground.root)
    for path in (f"{root} /canary.txt", f"{root}./canary.txt", f"{root} ", f"{root}.", "../R /canary.txt", "../R."):
        assert codes(client, path) == DENIED, path
    assert codes(client, f"{root}\u00a0") == DENIED
    for path in (f"\t{root}", f" {root}", "R ", "R./canary.txt", "small.txt ", " small.txt", "small.txt."):
        assert codes(client, path) <= MISSING, path


def test_p09_sibling_by_case(client: Any, ground: Any) -> None:
    for path in (f"{ground.base}/r/canary.txt", "../r/canary.txt", f"{ground.base}/r"):
        assert codes(client, path) == DENIED, path


@pytest.mark.parametrize("spelling", ["R", "R/", "R/.", "R//", ".", "./", "./."])
def test_p10_the_root_itself(client: Any, ground: Any, spelling: str) -> None:
    path = spelling.replace("R", str(ground.root))
    found = client.aim(path)
    for tool in ("read_file", "read_multiple_files", "read_media_file"):
        assert found.pop(tool) == "not_a_file"
    assert set(found.values()) == {"ok"}
    assert client.data("list_directory", path=path)["path"] == "."


def test_p11_above_the_root(client: Any, ground: Any) -> None:
    for path in (f"{ground.root}/..", "..", "../", "../.", "./.."):
        assert codes(client, path) == DENIED, path


def test_p12_doubled_and_mixed_separators(client: Any, ground: Any, folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "b" / "c.txt").write_text("same")
    name = folder.name
    for path in (f"{name}//b///c.txt", f"./{name}/./b/c.txt", f"{ground.root}//{name}///b//c.txt"):
        assert client.text(path) == "same"
        assert client.data("get_file_info", path=path)["path"] == f"{name}/b/c.txt"


def test_p13_trailing_slash_on_a_file(client: Any) -> None:
    for path in ("small.txt/", "small.txt/.", "small.txt//"):
        assert codes(client, path) <= {"unsupported", *MISSING}, path


def test_p14_leading_double_slash(client: Any, ground: Any) -> None:
    assert codes(client, "//etc/passwd") == DENIED
    assert codes(client, f"//{ground.outside}/canary.txt") == DENIED
    assert client.code("read_file", path=f"//{ground.root}/small.txt") in ("ok", "access_denied")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("..\\..\\OUT\\canary.txt", id="p15_backslashes"),
        pytest.param("~/.ssh/id_rsa", id="p16_home"),
        pytest.param("~root/x", id="p16_other_home"),
        pytest.param("~", id="p16_home_alone"),
        pytest.param("$HOME/x", id="p17_variable"),
        pytest.param("${HOME}", id="p17_braces"),
        pytest.param("%USERPROFILE%", id="p17_percent"),
        pytest.param("file:///etc/passwd", id="p19_url"),
        pytest.param("file:small.txt", id="p19_url_relative"),
        pytest.param("file://localhost/etc/passwd", id="p19_url_host"),
        pytest.param("http://127.0.0.1/x", id="p19_http"),
        pytest.param("%2e%2e%2fOUT%2fcanary.txt", id="p20_percent"),
        pytest.param("..%2fOUT", id="p20_half"),
        pytest.param("%252e%252e%252f", id="p20_double"),
        pytest.param("small.txt%00", id="p20_nul"),
        pytest.param("\uff0e\uff0e\uff0fOUT\uff0fcanary.txt", id="p22_full_width"),
        pytest.param("\uff0e\uff0e/OUT/canary.txt", id="p22_dots"),
        pytest.param("\u2024\u2024/OUT/canary.txt", id="p22_leader"),
        pytest.param("\u2025/OUT", id="p22_two_dots"),
        pytest.param("..\u2215OUT\u2215canary.txt", id="p22_division"),
        pytest.param("..\u29f5OUT", id="p22_reverse"),
    ],
)
def test_p15_to_p22_spellings_are_literal(client: Any, path: str) -> None:
    assert codes(client, path) <= MISSING


def test_p16_p17_p18_such_names_can_be_read_back(client: Any, folder: Path) -> None:
    names = ["~", "$HOME", "%41", "`id`", "$(id)", ";id", "|id", "&", "*", "{a,b}", "-rf", "a b", "[x]", "!", "#", "?"]
    for name in names:
        (folder / name).write_text(name)
    for name in names:
        assert client.text(f"{folder.name}/{name}") == name
        assert client.data("get_file_info", path=f"{folder.name}/{name}")["name"] == name
    assert client.data("list_directory", path=folder.name)["total"] == len(names)


def test_p21_overlong_utf8(client: Any) -> None:
    arguments = b'{"name":"read_file","arguments":{"path":"\xc0\xae\xc0\xae\xc0\xafOUT/canary.txt"}}'
    (answer,) = client.raw(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + arguments + b"}")
    assert answer["error"]["code"] == -32700


@pytest.mark.parametrize("path", ["a.txt\0.png", "\0", "t/\0/../OUT", "small.txt\0", "../OUT/canary.txt\0"])
def test_p23_nul(client: Any, path: str) -> None:
    assert codes(client, path) <= INVALID


@pytest.mark.parametrize("path", ["", " ", "\t", "\n", "\u00a0"])
def test_p24_empty(client: Any, path: str) -> None:
    assert codes(client, path) == INVALID


def test_p24_missing_and_null(client: Any) -> None:
    for tool in ("read_file", "get_file_info"):
        assert client.code(tool) == "invalid_argument"
    for tool in ("list_directory", "read_file", "get_file_info"):
        assert client.code(tool, path=None) == "invalid_argument"
    assert client.code("search_files", path=None, pattern="*") == "invalid_argument"


@pytest.mark.parametrize("path", [1, 1.5, ["small.txt"], {"path": "small.txt"}, True, {"toString": "x"}, [], {}])
def test_p25_wrong_type(client: Any, path: object) -> None:
    for tool in ("list_directory", "read_file", "get_file_info"):
        assert client.code(tool, path=path) == "invalid_argument"
    assert client.code("search_files", path=path, pattern="*") == "invalid_argument"


def test_p26_long_name(client: Any, folder: Path) -> None:
    assert codes(client, "x" * 256) <= {"invalid_argument", "not_found"}
    name = "x" * 255
    (folder / name).write_text("longest")
    assert client.text(f"{folder.name}/{name}") == "longest"
    assert codes(client, f"{folder.name}/{'é' * 128}") <= {"invalid_argument", "not_found"}


@pytest.mark.parametrize("path", ["x" * 4096, "x" * 1_000_000, "a/" * 2000, "a/" * 500_000, "../" * 300_000], ids=len)
def test_p27_long_path(client: Any, path: str) -> None:
    begun = time.monotonic()
    result = client.call("read_file", path=path)
    assert time.monotonic() - begun < 1.0 + BUSY_S
    assert result["isError"]
    assert len(json.dumps(result)) < 2000
    assert codes(client, path) <= {"invalid_argument", "not_found", "access_denied"}
    assert "x" * 300 not in client.errors


@pytest.mark.parametrize("escape", [rb"\ud800", rb"a\udfff.txt", rb"\udc2f..\udc2fOUT"])
def test_p28_lone_surrogate(client: Any, code: Callable[..., str], escape: bytes) -> None:
    for tool in (b"read_file", b"list_directory", b"get_file_info"):
        call = b'{"name":"' + tool + b'","arguments":{"path":"' + escape + b'"}}'
        (answer,) = client.raw(b'{"jsonrpc":"2.0","id":"' + tool + b'","method":"tools/call","params":' + call + b"}")
        assert code(answer) in ("invalid_argument", "-32700", "-32602")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"a\n[FILE] forged.txt", id="p29_newline"),
        pytest.param(b"a\r\tb", id="p29_return_tab"),
        pytest.param("a\u2028b".encode(), id="p30_line"),
        pytest.param("a\u2029b".encode(), id="p30_paragraph"),
        pytest.param("a\u0085b".encode(), id="p30_next_line"),
        pytest.param(b"a\x0b\x0cb", id="p30_vt_ff"),
        pytest.param("invoice_\u202efdp.exe".encode(), id="p31_bidi"),
        pytest.param("a\u2066b\u2069".encode(), id="p31_isolate"),
        pytest.param("a\u200bb".encode(), id="p32_zero_width"),
        pytest.param("\ufeffa".encode(), id="p32_bom"),
        pytest.param("a\U000e0041".encode(), id="p32_tag"),
        pytest.param("a\ufe0f".encode(), id="p32_variation"),
        pytest.param("Screenshot 3.05\u202fPM.png".encode(), id="p34_narrow_space"),
        pytest.param(b"caf\xe9", id="p35_latin"),
        pytest.param(b"\xff\xfe", id="p35_bytes"),
        pytest.param(b"a\\x2Fb", id="p36_looks_like_an_escape"),
        pytest.param(b"\x1b[2J", id="o02_escape"),
        pytest.param(b"\x7f\xc2\x9b31m", id="o02_c1"),
    ],
)
def test_p29_to_p35_hostile_names_are_shown_safely_and_work(client: Any, folder: Path, name: bytes) -> None:
    shown = check_round_trip(client, folder, name)
    for character in shown:
        category = unicodedata.category(character)
        assert category not in ("Cc", "Cf", "Zl", "Zp", "Cs"), ascii(shown)


def test_p32_two_names_that_look_equal_stay_distinct(client: Any, folder: Path) -> None:
    (folder / "ab.txt").write_text("plain")
    (folder / "a\u200bb.txt").write_text("hidden")
    entries = client.data("list_directory", path=folder.name)["entries"]
    assert len({entry["name"] for entry in entries}) == 2
    assert {client.text(entry["path"]) for entry in entries} == {"plain", "hidden"}
    assert client.text(f"{folder.name}/ab.txt") == "plain"


def test_p33_normalisation_forms(client: Any, folder: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    (folder / composed).write_text("composed")
    assert codes(client, f"{folder.name}/{decomposed}") <= MISSING
    (folder / decomposed).write_text("decomposed")
    assert client.text(f"{folder.name}/{composed}") == "composed"
    assert client.text(f"{folder.name}/{decomposed}") == "decomposed"


def test_p34_narrow_no_break_space_is_exact(client: Any, folder: Path) -> None:
    (folder / "Shot 3.05\u202fPM.png").write_text("x")
    assert codes(client, f"{folder.name}/Shot 3.05 PM.png") <= MISSING


@pytest.mark.parametrize(
    "path",
    ["..\\x2FOUT\\x2Fcanary.txt", "\\x2E\\x2E/OUT/canary.txt", "small.txt\\x00", "sm\\x61ll.txt", "\\x2fetc", "\\x20"],
)
def test_p36_the_reversible_form_forged(client: Any, path: str) -> None:
    assert codes(client, path) <= INVALID


@pytest.mark.parametrize(
    "path",
    [".env", "./.env", "x/../.env", ".//.env", "R/.env", "secrets/key.txt", "secrets", "secrets/../secrets/key.txt"],
)
def test_p37_the_denied_object_by_every_spelling(client: Any, ground: Any, path: str) -> None:
    assert codes(client, path.replace("R", str(ground.root))) == DENIED


@pytest.mark.parametrize("path", [".ENV", ".env.", ".env ", ".envx", "Secrets/key.txt", ".en\u1e7d", ".env\u200b"])
def test_p37_a_truly_different_name_follows_its_own_rule(client: Any, ground: Any, path: str) -> None:
    assert codes(client, path) <= MISSING
    file = ground.root / path
    if "/" not in path:
        file.write_text("another file")
        try:
            assert client.text(path) == "another file"
        finally:
            file.unlink()


@pytest.mark.parametrize(
    "tail",
    [
        "R/..%2fOUT/canary.txt",
        "R/../OUT/canary.txt",
        "R/%2e%2e/OUT/canary.txt",
        "R/%252e%252e/OUT/canary.txt",
        "OUT/canary.txt",
        "R/.env",
        "R/%2Eenv",
        "R/secrets/key.txt",
        "R/secrets/none.txt",
        "R/secrets",
        "R%2f.env",
        "R/small.txt?",
        "R/small.txt#x",
        "R/small.txt%00",
        "R/small.txt%",
    ],
)
def test_p38_path_in_a_resource_uri(client: Any, ground: Any, tail: str) -> None:
    base = os.path.realpath(ground.base)
    for host in ("", "localhost"):
        uri = f"file://{host}{base}/{tail}"
        error = client.ask("resources/read", {"uri": uri})["error"]
        assert error == {"code": -32002, "message": "Resource not found", "data": {"uri": uri}}


@pytest.mark.parametrize(
    "start", ["file://evil.test", "file://me@localhost", "file://localhost:1", "scheme://", "file:"]
)
def test_p38_nothing_but_our_own_addresses(client: Any, ground: Any, start: str) -> None:
    uri = f"{start}{os.path.realpath(ground.root)}/small.txt"
    assert client.ask("resources/read", {"uri": uri})["error"]["code"] == -32002
    assert "contents" in client.ask("resources/read", {"uri": f"file://{uri.removeprefix(start)}"})["result"]


def test_c07_no_denied_name_is_listed_as_a_resource(client: Any, ground: Any) -> None:
    root = os.path.realpath(ground.root)
    listed = client.ask("resources/list")["result"]["resources"]
    assert {each["name"] for each in listed} >= {"R", "small.txt"}
    assert not {each["name"] for each in listed} & {".env", "secrets"}
    (folder,) = client.ask("resources/read", {"uri": f"file://{root}"})["result"]["contents"]
    assert "secrets" not in folder["text"]


@pytest.mark.parametrize(
    "value", ["../", "/etc/", "../OUT/", "%2e%2e/OUT/", "..%2fOUT/", ".e", ".env", "sec", "secrets/"]
)
def test_p39_path_through_a_completion_request(client: Any, value: str) -> None:
    (template,) = client.ask("resources/templates/list")["result"]["resourceTemplates"]
    answer = client.ask(
        "completion/complete",
        {
            "ref": {"type": "ref/resource", "uri": template["uriTemplate"]},
            "argument": {"name": "path", "value": value},
        },
    )
    assert answer["result"]["completion"] == {"values": [], "total": 0, "hasMore": False}
