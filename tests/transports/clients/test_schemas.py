"""What is written for each client, held against that client's own schema, or against what its makers tell of it."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types
import pytest

from filewarden.transports.clients.command import show_client
from filewarden.transports.clients.formats import CLIENTS
from filewarden.transports.exit_status import EXIT_OK

SCHEMAS = Path(__file__).parent / "schemas"
NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))
REMOTE = [name for name in NAMES if CLIENTS[name].remote is not None]


def validator(name: str) -> Any:
    return jsonschema.Draft7Validator(json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8")))


def written(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> Any:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
    assert show_client(list(arguments), environ) == EXIT_OK
    return json.loads(capsys.readouterr().out)


def entry(name: str, document: Any) -> dict[str, Any]:
    found = document
    for key in (*CLIENTS[name].keys, "files"):
        found = found[key]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_server_on_stdio_fits(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = written(capsys, tmp_path, name, str(tmp_path), "--allow-write")
    validator(name).validate(document)
    entry(name, document)["comand"] = entry(name, document).pop("command")
    assert not validator(name).is_valid(document)  # a slip would have been seen


@pytest.mark.parametrize("name", REMOTE)
def test_a_server_over_http_fits(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = written(capsys, tmp_path, name, "--http", "--port", "9321")
    validator(name).validate(document)
    entry(name, document)["headers"] = ["Authorization: Bearer x"]
    assert not validator(name).is_valid(document)


def test_vs_code_is_told_of_every_input_that_an_entry_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = written(capsys, tmp_path, "vscode", "--http")
    (asked,) = document["inputs"]
    assert f"${{input:{asked['id']}}}" in entry("vscode", document)["headers"]["Authorization"]


def test_every_client_is_held_against_something() -> None:
    """Claude Code and Codex read what was written with their own programs (tests/clients/test_configuration.py)."""
    assert {*NAMES, "claude-code", "codex", "generic"} == set(CLIENTS)
