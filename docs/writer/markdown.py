"""Pieces of Markdown, wrapped so that a change shows as few lines as it can."""

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 110


def page(title: str, source: str, parts: Iterable[str]) -> str:
    """A whole page; `source` says what it is made from."""
    note = f"<!-- Written by scripts/docs from {source}. Change it there, and run scripts/docs. -->"
    return "\n\n".join([f"# {title}", note, *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def paragraph(text: str) -> str:
    """Prose, wrapped."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines)


def block(language: str, text: str) -> str:
    """A fenced block."""
    return f"```{language}\n{text.strip(chr(10))}\n```"


def code(text: object) -> str:
    """As a program would have it; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def _cell(text: str) -> str:
    """Outside of code, what Markdown would take for emphasis or a tag is escaped; a bar ends a cell even in code."""
    parts = text.split("`")
    parts[::2] = [part.replace("*", "\\*").replace("<", "\\<") for part in parts[::2]]
    return "`".join(parts).replace("|", "\\|").replace("\n", "<br>")
