import json
import tomllib

import pytest
from hypothesis import given, strategies as st

from filewarden.transports.clients import jsonc
from filewarden.transports.clients.editing import UneditableError, with_json_entry, with_json_item, with_toml_table

ENTRY: dict[str, object] = {"command": "/usr/bin/filewarden", "args": ["serve", "/home/ü/a b"]}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=8)
TABLES = st.dictionaries(NAMES, st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=3), max_size=4)


def servers(text: str) -> object:
    value = jsonc.parse(text).value
    assert isinstance(value, dict)
    return value["mcpServers"]


@pytest.mark.parametrize("text", ["", "\n", "{}", "{ }\n", '{"mcpServers": {}}', '{\n  "other": 1\n}\n'])
def test_an_entry_is_put_into_every_kind_of_file(text: str) -> None:
    edited = with_json_entry(text, ("mcpServers",), {"files": ENTRY})
    assert servers(edited) == {"files": ENTRY}
    assert json.loads(edited) == {**(json.loads(text) if text.strip() else {}), "mcpServers": {"files": ENTRY}}


def test_everything_else_stays_to_the_letter() -> None:
    text = """// mine
{
    "theme": "dark",   // at night
    "mcpServers": {
        /* the first */
        "git": { "command": "git-mcp" }, // keep
    },
    "last": [1, 2,],
}
"""
    edited = with_json_entry(text, ("mcpServers",), {"files": ENTRY})
    assert servers(edited) == {"git": {"command": "git-mcp"}, "files": ENTRY}
    kept = [line for line in edited.splitlines() if line in text.splitlines()]
    assert kept == text.splitlines()


def test_an_entry_of_the_same_name_is_replaced_and_nothing_beside_it() -> None:
    text = '{"mcpServers": {"a": 1, "files": {"command": "old", "args": []}, "b": 2}}'
    edited = with_json_entry(text, ("mcpServers",), {"files": ENTRY})
    assert servers(edited) == {"a": 1, "files": ENTRY, "b": 2}
    assert edited.startswith('{"mcpServers": {"a": 1, "files": ')
    assert edited.endswith(', "b": 2}}')


def test_the_same_edit_twice_changes_nothing_more() -> None:
    once = with_json_entry('{"x": 1}', ("mcpServers",), {"files": ENTRY})
    assert with_json_entry(once, ("mcpServers",), {"files": ENTRY}) == once


@given(st.dictionaries(NAMES, TABLES, max_size=3), st.sampled_from([None, 0, 2, 4]))
def test_no_other_value_of_any_file_changes(document: dict[str, object], indent: int | None) -> None:
    edited = with_json_entry(json.dumps(document, indent=indent), ("servers",), {"files": ENTRY})
    before = document.get("servers", {})
    assert isinstance(before, dict)
    assert json.loads(edited) == {**document, "servers": {**before, "files": ENTRY}}


@pytest.mark.parametrize("text", ["[]", '{"mcpServers": []}', '{"mcpServers": null}', "{oops}", "7"])
def test_what_cannot_take_an_entry_is_refused(text: str) -> None:
    with pytest.raises(UneditableError):
        with_json_entry(text, ("mcpServers",), {"files": ENTRY})


def test_a_list_gets_its_item_once() -> None:
    item: dict[str, object] = {"id": "token", "type": "promptString"}
    fresh = with_json_item("{}", "inputs", item)
    assert json.loads(fresh) == {"inputs": [item]}
    assert with_json_item(fresh, "inputs", item) == fresh
    assert json.loads(with_json_item('{"inputs": [{"id": "b"}]}', "inputs", item)) == {"inputs": [item, {"id": "b"}]}
    assert json.loads(with_json_item('{"inputs": []}', "inputs", item)) == {"inputs": [item]}
    with pytest.raises(UneditableError, match="no list"):
        with_json_item('{"inputs": {}}', "inputs", item)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers() | st.booleans(), max_size=3))
def test_a_table_is_added_to_any_toml(values: dict[str, object]) -> None:
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    edited = with_toml_table(text, ("mcp_servers", "files"), ENTRY)
    assert edited.startswith(text)
    assert tomllib.loads(edited) == {**values, "mcp_servers": {"files": ENTRY}}


def test_a_table_of_the_same_name_is_replaced_and_comments_stay() -> None:
    text = """# mine
model = "m"

[mcp_servers.files] # old
command = "old"
args = []

# the next one
[mcp_servers.other]
command = "x"
"""
    edited = with_toml_table(text, ("mcp_servers", "files"), ENTRY)
    assert tomllib.loads(edited)["mcp_servers"] == {"files": ENTRY, "other": {"command": "x"}}
    assert "# mine" in edited
    assert '\n# the next one\n[mcp_servers.other]\ncommand = "x"\n' in edited
    assert "old" not in edited


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = {files = {command = "old"}}\n',  # an inline table is closed
        '[mcp_servers]\nfiles.command = "old"\n',
        '[mcp_servers.files]\ncommand = "old"\n[mcp_servers.files.env]\nA = "b"\n',
        "oops\n",
    ],
)
def test_toml_that_cannot_be_edited_safely_is_refused(text: str) -> None:
    with pytest.raises(UneditableError):
        with_toml_table(text, ("mcp_servers", "files"), ENTRY)


def test_odd_names_and_texts_are_quoted() -> None:
    entry: dict[str, object] = {"command": 'C:\\Program "Files"\\\x7f\n'}
    edited = with_toml_table("", ("mcp_servers", "my files.1"), entry)
    assert tomllib.loads(edited) == {"mcp_servers": {"my files.1": entry}}
