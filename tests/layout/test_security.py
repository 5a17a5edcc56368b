"""SECURITY.md names tests; each of them exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
_NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


def table() -> list[list[str]]:
    """The rows of the threat table that are about a threat: threat, mechanism, tests."""
    lines = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells[1:] if row[0] and not row[0].startswith("**")]


NAMED = [found for row in table() for found in _NAMED.findall(row[-1])]


def test_every_threat_has_a_mechanism_and_a_test() -> None:
    rows = table()
    assert len(rows) >= 30
    for threat, mechanism, proof in rows:
        assert mechanism, threat
        assert _NAMED.search(proof), threat


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_named_test_exists(file: str, name: str) -> None:
    functions = {
        node.name for node in ast.walk(ast.parse((TESTS / file).read_text())) if isinstance(node, ast.FunctionDef)
    }
    assert name in functions or not name


def test_the_map_of_attacks_names_files_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/.]+|test_\w+\.py)`", (TESTS / "attacks" / "README.md").read_text())
    assert len(named) > 30
    for path in named:
        found = ROOT / path if path.startswith("tests/") else TESTS / "attacks" / path
        assert found.exists(), path
