"""A unified diff of two texts in bounded time: where much differs, it is shown as one block. Pure."""

import difflib

MOST_COMPARED_LINES = 2000
"""Of more lines between the first and the last difference, comparing takes seconds (it grows with the square)."""
CONTEXT_LINES = 3
_NO_END = "\\ No newline at end of file\n"


def unified_diff(old: str, new: str, name: str, most_chars: int) -> str:
    """Show what differs; line ends count as `\\n`. Longer than `most_chars`, it is cut at a line and says so."""
    before, after = _lines(old), _lines(new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    start = max(0, head - CONTEXT_LINES)
    stops = (
        min(len(before), len(before) - tail + CONTEXT_LINES),
        min(len(after), len(after) - tail + CONTEXT_LINES),
    )
    changed = len(before) + len(after) - 2 * (head + tail)
    if not changed:
        return ""
    if changed > MOST_COMPARED_LINES:
        hunks = _block(before, after, head, tail, start, stops)
    else:
        hunks = _hunks(before[start : stops[0]], after[start : stops[1]], start)
    return _cut([f"--- a/{name}\n", f"+++ b/{name}\n", *hunks], most_chars)


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last + "\n" + _NO_END] if last else [])


def _common(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _hunks(before: list[str], after: list[str], offset: int) -> list[str]:
    """What difflib finds in the part that differs, with the numbers of lines of the whole."""
    found: list[str] = []
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        first, last = group[0], group[-1]
        found.append(_header(first[1] + offset, last[2] + offset, first[3] + offset, last[4] + offset))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [" " + line for line in before[i1:i2]]
            else:
                found += ["-" + line for line in before[i1:i2]]
                found += ["+" + line for line in after[j1:j2]]
    return found


def _block(before: list[str], after: list[str], head: int, tail: int, start: int, stops: tuple[int, int]) -> list[str]:
    return [
        _header(start, stops[0], start, stops[1]),
        *(" " + line for line in before[start:head]),
        *("-" + line for line in before[head : len(before) - tail]),
        *("+" + line for line in after[head : len(after) - tail]),
        *(" " + line for line in before[len(before) - tail : stops[0]]),
    ]


def _header(old_start: int, old_stop: int, new_start: int, new_stop: int) -> str:
    return f"@@ -{_range(old_start, old_stop)} +{_range(new_start, new_stop)} @@\n"


def _range(start: int, stop: int) -> str:
    """As diff(1) writes it: an empty range stands after the line before it."""
    length = stop - start
    beginning = start + 1 if length else start
    return str(beginning) if length == 1 else f"{beginning},{length}"


def _cut(lines: list[str], most_chars: int) -> str:
    kept: list[str] = []
    used = 0
    for number, line in enumerate(lines):
        used += len(line)
        if used > most_chars:
            return "".join(kept) + f"... {len(lines) - number} more lines of the diff are left out\n"
        kept.append(line)
    return "".join(kept)
