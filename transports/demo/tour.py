"""The act of the demonstration that takes the four tools through a folder over stdio."""

from typing import NamedTuple

from filewarden.transports.demo.client import Answer, Client
from filewarden.transports.demo.facts import Facts
from filewarden.transports.demo.report import Report, milliseconds, shortened

TOOLS = ("list_directory", "read_file", "search_files", "get_file_info")
_ROWS = 6
_LARGEST_BYTES = 1_000_000


class Sight(NamedTuple):
    """A file that the other acts may read, as a path inside the root, and its size in bytes."""

    path: str
    size: int


def show_tour(report: Report, client: Client) -> Sight | None:
    """Shake hands, list the tools, run the four; a file worth reading, if there is one."""
    introduction = client.greet()
    server = introduction.part("serverInfo")
    revision = introduction.text("protocolVersion")
    report.claim(
        f"{server.text('name')} {server.text('version')} answers the handshake (MCP {revision})",
        server.text("name") == "filewarden",
    )
    tools = client.tools()
    report.table(
        ["tool", "what for"], [[tool.text("name"), _first_sentence(tool.text("description"))] for tool in tools]
    )
    names = [tool.text("name") for tool in tools]
    report.claim(f"{len(names)} tools are on offer, the four of the original among them", set(TOOLS) <= set(names))
    sight = _show_listing(report, client)
    if sight is None:
        report.note("no readable file at the top of this folder: nothing to read or to look up")
        return None
    _show_reading(report, client, sight)
    _show_search(report, client, sight)
    return sight


def _show_listing(report: Report, client: Client) -> Sight | None:
    answer = client.call("list_directory", path=".")
    if not report.claim(_sentence("list_directory", answer, _counted(answer, "entries")), not answer.error):
        return None
    entries = answer.facts.parts("entries")
    report.table(
        ["entry", "type", "bytes"],
        [[row.text("name"), row.text("type"), _size(row)] for row in entries[:_ROWS]],
    )
    if len(entries) > _ROWS:
        report.note(f"... and {len(entries) - _ROWS} more")
    return _worth_reading(entries)


def _show_reading(report: Report, client: Client, sight: Sight) -> None:
    info = client.call("get_file_info", path=sight.path)
    held = not info.error and info.facts.count("size") == sight.size
    facts = "" if info.error else f"{sight.path}: {info.facts.count('size')} bytes, mode {_mode(info.facts)}"
    report.claim(_sentence("get_file_info", info, facts), held)
    whole = client.call("read_file", path=sight.path)
    is_binary = whole.facts.has("binary")
    content = f"{sight.size} bytes, as base64" if is_binary else f"{len(whole.text)} characters of {sight.path}"
    report.claim(_sentence("read_file", whole, "" if whole.error else content), not whole.error)
    first = next((line.strip() for line in whole.text.splitlines() if line.strip()), "")
    if not whole.error and not is_binary:
        report.note(f"it begins: {shortened(first)}")


def _show_search(report: Report, client: Client, sight: Sight) -> None:
    pattern = "*" + _suffix(sight.path)
    answer = client.call("search_files", pattern=pattern, recursive=True, max_results=200)
    if answer.error:
        report.claim(_sentence("search_files", answer, ""), False)
        return
    matches = [match.text("path") for match in answer.facts.parts("matches")]
    complete = not answer.facts.flag("truncated")
    found = f"{len(matches)} {'file' if len(matches) == 1 else 'files'} like {pattern}" + (
        "" if complete else ", and more with the next cursor"
    )
    held = sight.path in matches if complete else bool(matches) or answer.facts.has("next_cursor")
    report.claim(_sentence("search_files", answer, found), held)


def _sentence(tool: str, answer: Answer, found: str) -> str:
    return f"{tool}: {found or answer.text.splitlines()[0]}, {milliseconds(answer.elapsed_s)}"


def _counted(answer: Answer, what: str) -> str:
    return "" if answer.error else f"{answer.facts.count('total')} {what}"


def _worth_reading(entries: list[Facts]) -> Sight | None:
    """Prefer a README, then a file with a suffix, then any other; none that is empty or large."""
    files = [
        Sight(row.text("path"), row.count("size"))
        for row in entries
        if row.text("type") == "file" and row.has("size") and 0 < row.count("size") < _LARGEST_BYTES
    ]
    return min(files, key=_rank, default=None)


def _rank(file: Sight) -> tuple[bool, bool, bool]:
    name = file.path.upper()
    return not name.startswith("README"), not name.endswith((".MD", ".TXT")), "." not in name


def _first_sentence(text: str) -> str:
    return text.strip().split(". ")[0].splitlines()[0].rstrip(".")


def _mode(facts: Facts) -> str:
    return facts.text("mode") if facts.has("mode") else "unknown"


def _size(row: Facts) -> str:
    return str(row.count("size")) if row.has("size") else "-"


def _suffix(path: str) -> str:
    _, dot, suffix = path.rpartition(".")
    return dot + suffix if "/" not in suffix else ""
