"""What the file server this design comes from promises, asked of ours by its own kind of client."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
Json = dict[str, Any]


def data(result: Json) -> Json:
    assert not result.get("isError"), result
    found: Json = json.loads(result["content"][0]["text"])
    return found


def text(result: Json) -> str:
    found: str = result["content"][0]["text"]
    return found


def names(result: Json) -> list[str]:
    return [entry["name"] for entry in data(result)["entries"]]


def code(result: Json) -> str:
    assert result["isError"]
    assert text(result).startswith("Error: ")
    found: str = result["structuredContent"]["error"]["code"]
    return found


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)


def test_hidden_names_are_left_out_unless_asked_for(server: Any) -> None:
    assert ".hidden" not in names(server.call("list_directory"))
    assert ".hidden" in names(server.call("list_directory", show_hidden=True))


def test_directories_come_first_then_names(server: Any) -> None:
    entries = data(server.call("list_directory", path="."))["entries"]
    assert [entry["type"] for entry in entries] == ["directory", "directory", "file", "file"]
    assert [entry["name"] for entry in entries] == ["data", "src", "notes.txt", "README.md"]


def test_an_entry_has_its_fields(server: Any) -> None:
    entries = {entry["name"]: entry for entry in data(server.call("list_directory"))["entries"]}
    assert entries["README.md"]["type"] == "file"
    assert entries["README.md"]["size"] > 0
    assert entries["README.md"]["path"] == "README.md"
    assert isinstance(entries["README.md"]["modified"], int)
    assert entries["src"]["size"] is None


def test_a_listing_of_a_folder_below(server: Any) -> None:
    listing = data(server.call("list_directory", path="src"))
    assert listing["path"] == "src"
    assert listing["total"] == 2
    assert {entry["path"] for entry in listing["entries"]} == {"src/main.py", "src/utils.py"}


@pytest.mark.parametrize("tool", ["list_directory", "read_file", "get_file_info"])
def test_a_missing_path_is_not_found(server: Any, tool: str) -> None:
    result = server.call(tool, path="ghost")
    assert code(result) == "not_found"
    assert "not found" in text(result)


def test_a_file_is_no_directory_and_a_directory_no_file(server: Any) -> None:
    assert code(server.call("list_directory", path="README.md")) == "not_a_directory"
    assert code(server.call("search_files", pattern="*", path="README.md")) == "not_a_directory"
    assert code(server.call("read_file", path="src")) == "not_a_file"


def test_a_nested_file_is_read(server: Any) -> None:
    assert text(server.call("read_file", path="src/main.py")) == "print('hello')\n"


def test_a_file_of_the_limit_is_read_and_one_byte_more_is_too_large(server: Any, tree: Path) -> None:
    write(tree / "fits.txt", b"x" * 1_048_576)
    write(tree / "big.txt", b"x" * 1_048_577)
    assert len(text(server.call("read_file", path="fits.txt"))) == 1_048_576
    result = server.call("read_file", path="big.txt")
    assert code(result) == "too_large"
    assert "too large" in text(result)
    assert text(server.call("read_file", path="big.txt", head=1)) != ""


def test_binary_content_makes_the_round_trip(server: Any, tree: Path) -> None:
    write(tree / "data.bin", bytes(range(256)))
    found = data(server.call("read_file", path="data.bin"))
    assert (found["binary"], found["encoding"], found["size"]) == (True, "base64", 256)
    assert base64.b64decode(found["data"]) == bytes(range(256))


def test_a_shallow_search_misses_what_lies_deeper(server: Any) -> None:
    assert [match["name"] for match in data(server.call("search_files", pattern="*.md"))["matches"]] == ["README.md"]
    assert data(server.call("search_files", pattern="*.py"))["total"] == 0


@pytest.mark.parametrize("arguments", [{"pattern": "*.py", "recursive": True}, {"pattern": "**/*.py"}])
def test_a_deep_search_finds_it(server: Any, arguments: Json) -> None:
    found = data(server.call("search_files", **arguments))
    assert {match["name"] for match in found["matches"]} == {"main.py", "utils.py"}
    assert found["truncated"] is False


def test_max_results_truncates_and_the_cursor_goes_on(server: Any, tree: Path) -> None:
    for number in range(10):
        write(tree / f"f{number}.txt", b"x")
    seen: list[str] = []
    arguments: Json = {"pattern": "f*.txt", "max_results": 3}
    while True:
        page = data(server.call("search_files", **arguments))
        assert len(page["matches"]) <= 3
        seen += [match["name"] for match in page["matches"]]
        if not page["truncated"]:
            break
        arguments["cursor"] = page["next_cursor"]
    assert seen == [f"f{number}.txt" for number in range(10)]


def test_the_ceiling_of_max_results_is_200(server: Any, tree: Path) -> None:
    for number in range(250):
        write(tree / f"g{number:03}.txt", b"x")
    page = data(server.call("search_files", pattern="g*.txt", max_results=9999))
    assert page["total"] == len(page["matches"]) == 200
    assert page["truncated"] is True


@pytest.mark.parametrize("arguments", [{"pattern": ""}, {}])
def test_a_search_needs_a_pattern(server: Any, arguments: Json) -> None:
    assert code(server.call("search_files", **arguments)) == "invalid_argument"


@pytest.mark.parametrize("tool", ["read_file", "get_file_info"])
@pytest.mark.parametrize("arguments", [{"path": ""}, {}])
def test_a_path_is_needed(server: Any, tool: str, arguments: Json) -> None:
    assert code(server.call(tool, **arguments)) == "invalid_argument"


def test_facts_about_a_file_and_a_directory(server: Any) -> None:
    file = data(server.call("get_file_info", path="README.md"))
    assert (file["name"], file["type"], file["extension"], file["readable"]) == ("README.md", "file", ".md", True)
    assert file["size"] > 0
    assert {"modified", "created"} <= file.keys()
    folder = data(server.call("get_file_info", path="src"))
    assert (folder["type"], folder["extension"]) == ("directory", None)


def test_an_unknown_tool_and_an_unknown_method_are_errors(server: Any) -> None:
    call = server.send("tools/call", {"name": "does_not_exist", "arguments": {}})
    assert server.answer(call)["error"]["code"] == -32602
    assert server.request("no/such")["error"]["code"] == -32601


def test_an_unknown_argument_names_the_nearest(server: Any) -> None:
    result = server.call("list_directory", show_hiden=True)
    assert code(result) == "invalid_argument"
    assert "show_hidden" in text(result)


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "../outside.txt", "/etc/passwd", "src/../../outside.txt", "\\\\host\\x"]
)
@pytest.mark.parametrize("tool", ["list_directory", "read_file", "get_file_info"])
def test_traversal_is_denied(server: Any, tree: Path, tool: str, path: str) -> None:
    write(tree.parent / "outside.txt", b"canary")
    result = server.call(tool, path=path)
    assert code(result) == "access_denied"
    assert "Access denied" in text(result)
    assert "canary" not in str(result)


def test_links_that_leave_the_root_are_denied(server: Any, tree: Path) -> None:
    outside = tree.parent / "outside"
    outside.mkdir(mode=0o755)
    write(outside / "canary.txt", b"canary")
    (tree / "file-link").symlink_to(outside / "canary.txt")
    (tree / "folder-link").symlink_to("../outside")
    (tree / "inner-link").symlink_to("src/main.py")
    assert code(server.call("read_file", path="file-link")) == "access_denied"
    assert code(server.call("list_directory", path="folder-link")) == "access_denied"
    assert code(server.call("read_file", path="folder-link/canary.txt")) == "access_denied"
    assert text(server.call("read_file", path="inner-link")) == "print('hello')\n"
    found = data(server.call("search_files", pattern="*", recursive=True))
    assert "canary.txt" not in {match["name"] for match in found["matches"]}


def test_a_cursor_works_for_its_own_question_only(server: Any, tree: Path) -> None:
    for number in range(10):
        write(tree / f"f{number}.txt", b"x")
    page = data(server.call("search_files", pattern="f*.txt", max_results=3))
    for arguments in (
        {"pattern": "*.txt", "max_results": 3, "cursor": page["next_cursor"]},
        {"pattern": "f*.txt", "max_results": 3, "cursor": page["next_cursor"][:-2] + "xx"},
        {"pattern": "f*.txt", "max_results": 3, "cursor": ""},
    ):
        assert code(server.call("search_files", **arguments)) == "invalid_argument"


def test_a_long_listing_stays_within_its_budget_and_pages(start_server: Callable[..., Any], tree: Path) -> None:
    folder = tree / "many"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    for number in range(1500):
        (folder / f"entry-{number:05}.txt").touch()
    server = start_server()
    server.initialize()
    seen: list[str] = []
    arguments: Json = {"path": "many"}
    while True:
        result = server.call("list_directory", **arguments)
        assert len(text(result)) <= 40_500
        page = data(result)
        seen += [entry["name"] for entry in page["entries"]]
        if not page["truncated"]:
            break
        arguments["cursor"] = page["next_cursor"]
    assert seen == [f"entry-{number:05}.txt" for number in range(1500)]


def test_several_roots_are_listed_and_named(start_server: Callable[..., Any], tree: Path) -> None:
    other = tree.parent / "other"
    other.mkdir(mode=0o755)
    other.chmod(0o755)
    write(other / "there.txt", b"there")
    server = start_server(str(other))
    server.initialize()
    assert names(server.call("list_directory")) == ["other", "project"]
    assert text(server.call("read_file", path="other/there.txt")) == "there"
    assert text(server.call("read_file", path=str(other / "there.txt"))) == "there"
    assert code(server.call("read_file", path="other/../project/notes.txt")) == "access_denied"
    assert data(server.call("get_file_info", path="project/notes.txt"))["path"] == "project/notes.txt"
