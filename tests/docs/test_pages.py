"""The documentation is true: generated pages, links, and every example in every page."""

import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from docs.writer.__main__ import PAGES, stale
from docs.writer.errors import errors_of
from filewarden.broker.protocol.outcome import Reason
from filewarden.broker.status import Status
from filewarden.config.flags import read_flags
from filewarden.config.load import load
from filewarden.config.options import options, root_options, section_names
from filewarden.transports.commands.reading import read
from filewarden.transports.commands.table import find
from filewarden.transports.http.turned_away import TURN_AWAY_REASONS
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.errors import Code

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FOREIGN_TABLES = {"mcp_servers"}
"""What a TOML block may hold that is no configuration of ours."""


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("README.md")])


def blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block of that language, with its page and its number."""
    found = []
    for path in pages():
        for number, (given, body) in enumerate(FENCE.findall(path.read_text(encoding="utf-8"))):
            if given == language:
                found.append((f"{path.relative_to(ROOT)}-{number}", body))
    return found


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings: lower case, no punctuation, hyphens for spaces."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(name if name not in found else f"{name}-1")
    return found


def named(parameters: list[tuple[str, str]]) -> list[object]:
    return [pytest.param(body, id=name) for name, body in parameters]


def test_generated_pages_are_what_would_be_written() -> None:
    assert stale() == [], "run scripts/docs"
    assert set(PAGES) == {f"reference/{path.name}" for path in (ROOT / "docs" / "reference").glob("*.md")}


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(path), f"{page.name}: {target}"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        assert path.name == "README.md" or f"({path.relative_to(ROOT / 'docs')})" in index, path


def test_the_site_has_every_page() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        assert re.search(rf"[\[ ]{re.escape(str(path.relative_to(ROOT / 'docs')))}[\],\n]", site), path


@pytest.mark.parametrize("text", named(blocks("toml")))
def test_settings_in_examples_load(text: str, tmp_path: Path) -> None:
    document = tomllib.loads(text)
    if set(document) <= FOREIGN_TABLES:
        return
    assert set(document) <= {"roots", "profiles", *section_names()}
    roots = [*document.get("roots", []), *(root for each in document.get("profiles", []) for root in each["roots"])]
    for number, root in enumerate(roots):
        folder = tmp_path / f"root-{number}"
        folder.mkdir()
        text = text.replace(root["path"], str(folder), 1)
    (tmp_path / "served").mkdir()
    (tmp_path / "config.toml").write_text(text)
    arguments = ["--config", str(tmp_path / "config.toml")]
    load(arguments if "roots" in document else [*arguments, str(tmp_path / "served")], {"HOME": str(tmp_path)})


@pytest.mark.parametrize("text", named(blocks("json")))
def test_json_in_examples_is_json(text: str) -> None:
    json.loads(text)


CALL = re.compile(r"(?:^|[\s(])filewarden((?:[ \t]+[^\s|;&()<>#\"']+)*)", re.MULTILINE)
"""Our name as the first word of a command, also in pipes and substitutions, and what follows it."""


def commands(text: str) -> list[list[str]]:
    """The arguments of every call of ours in a block of shell, but for those that are a name of something else."""
    lines = re.sub(r"(?:^|\s)#.*$", "", text.replace("\\\n", " "), flags=re.MULTILINE).splitlines()
    ours = [line for line in lines if not re.match(r"\s*(journalctl|systemctl|docker|claude|kubectl)\b", line)]
    return [found.split() for found in CALL.findall("\n".join(ours))]


@pytest.mark.parametrize("text", named(blocks("sh")))
def test_commands_in_examples_can_be_typed(text: str) -> None:
    for words in commands(text):
        assert_typed(words)


def assert_typed(words: list[str]) -> None:
    if not words or words[0].startswith("-"):
        assert words in ([], ["--help"], ["--version"])
        return
    command = find(words[0]) or find(" ".join(words[:2]))
    assert command is not None, words
    rest = words[len(command.name.split()) :]
    if "--help" not in rest:
        assert not read_flags(read(command, rest).rest).source.problems, words


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_prose_names_exists(page: Path) -> None:
    """Commands, and settings by their dotted names."""
    if page.name == "CHANGELOG.md":
        return
    known = {*options(), *(f"roots.{name}" for name in root_options()), *members_of_status()}
    sections = {"roots", *section_names()}
    for text in CODE.findall(prose(page)):
        if text.startswith("filewarden ") and page.parent.name != "reference":
            words = text.split()[1:]
            is_form = words[0].isupper() or words[0].startswith("-") or "|" in text
            assert is_form or find(words[0]) or find(" ".join(words[:2])), text
        section, dot, name = text.partition(".")
        if dot and section in sections and re.fullmatch(r"[a-z_]+", name):
            assert text in known, f"{page.name}: {text}"


def members_of_status() -> set[str]:
    """Dotted names in the status document, such as `audit.last`."""
    found = set()
    for field in msgspec.structs.fields(Status):
        for kind in (field.type, *get_args(field.type)):
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                found |= {f"{field.name}.{name}" for name in kind.__struct_fields__}
    return found


def test_every_code_is_explained() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").partition("## Refusals")[0]
    explained = re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)
    assert sorted(explained) == sorted(code.value for code in Code)


def test_every_reason_of_a_refusal_is_explained() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").partition("## Refusals")[2]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", text, re.MULTILINE)
    explained = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    assert sorted(explained) == sorted([*(reason.value for reason in Reason), *TURN_AWAY_REASONS])


def test_every_tool_has_its_errors() -> None:
    for tool in CATALOGUE:
        assert len(set(errors_of(tool))) == len(errors_of(tool))
        assert (Code.READ_ONLY in errors_of(tool)) == (tool.writes and not tool.is_look)


def test_what_a_server_says_when_it_does_not_start_is_quoted_as_it_is_said() -> None:
    section = (
        (ROOT / "docs" / "troubleshooting.md").read_text().split("## The server does not start")[1].split("\n## ")[0]
    )
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    quoted = [text for row in rows for text in re.findall(r'["`]([^"`]+)["`]', row)]
    said = "".join(
        path.read_text() for package in ("config", "broker", "transports", "workers")
        for path in (ROOT / package).rglob("*.py")
    )  # fmt: skip
    assert len(quoted) >= 6
    assert [text for text in quoted if text.removeprefix("http.port: ").strip(" …") not in said] == []
