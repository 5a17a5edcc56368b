"""The syntax of regular expressions as far as it matters here: their tokens, and the text that every match holds."""

import re

from filewarden.workers.text.rarity import FREQUENT

TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*+\]|\{\d+(?:,\d*)?\}|.", re.DOTALL)
"""What stands for something by itself, in what RE2 (its wiki, Syntax) has compiled."""
_FOLDS_CASE = re.compile(r"\(\?[A-Za-z-]*i")
_REPEATS_ANOTHER = re.compile(r"(?:\(\?[A-Za-z-]*\)|\\E)[*?{]")
"""Behind flags or an empty quote, what repeats is about the character before those."""
_REACHES_ON = frozenset("pPx0123456789")
"""Escapes of which more follows than one character."""


def required_texts(expression: str) -> tuple[str, ...]:
    """Texts of which every match has at least one in it, as far as that is easily told; none where it is not.

    One for each alternative: what tells the most of what it holds for certain. Takes what RE2 has compiled, to be
    case-sensitive. Groups are passed over, and whatever may mean something else than itself ends a text.
    """
    if _FOLDS_CASE.search(expression) or _REPEATS_ANOTHER.search(expression):
        return ()
    held, texts, run, depth = [], [""], "", 0
    for part in (*TOKEN.findall(expression), "|"):
        if part in ("(", ")"):
            depth += 1 if part == "(" else -1
        elif depth:
            continue
        elif part[0] == "\\" and part[1] in _REACHES_ON:
            return ()
        elif is_text(part):
            run += part[-1]
            continue
        elif part in ("*", "?") or (part[0] == "{" and part != "{"):
            run = run[:-1]  # that may be absent
        texts.append(run)
        run = ""
        if part == "|":
            held.append(max(texts, key=_weight))
            texts = [""]
    return tuple(held) if all(held) else ()


def _weight(text: str) -> int:
    """How much it tells: a letter that is everywhere counts half."""
    return sum(1 if char in FREQUENT else 2 for char in text)


def is_text(part: str) -> bool:
    """Whether it stands for nothing but its last character."""
    if part[0] == "\\":
        return len(part) == 2 and part[1].isascii() and not part[1].isalnum()
    return len(part) == 1 and part not in ".^$*+?{[|"
