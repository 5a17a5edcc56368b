"""The syntax of regular expressions as far as it matters here: their tokens, and the text that every match holds."""

import re

TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*+\]|\{\d+(?:,\d*)?\}|.", re.DOTALL)
"""What stands for something by itself, in what RE2 (its wiki, Syntax) has compiled."""
_FOLDS_CASE = re.compile(r"\(\?[A-Za-z-]*i")
_REACHES_ON = frozenset("pPx0123456789")
"""Escapes of which more follows than one character."""


def required_text(expression: str) -> str:
    """The longest text that every match has in it, as far as it is easily told; "" where it is not.

    Takes what RE2 has compiled, to be case-sensitive. Groups are passed over, and whatever may mean something else than
    itself ends a text.
    """
    if _FOLDS_CASE.search(expression):
        return ""
    texts, run, depth = [""], "", 0
    for found in TOKEN.finditer(expression):
        part = found[0]
        if part in ("(", ")"):
            depth += 1 if part == "(" else -1
        elif depth:
            continue
        elif part == "|" or (part[0] == "\\" and part[1] in _REACHES_ON):
            return ""
        elif is_text(part):
            run += part[-1]
            continue
        elif part in ("*", "?") or (part[0] == "{" and part != "{"):
            run = run[:-1]  # that may be absent
        texts.append(run)
        run = ""
    return max(*texts, run, key=len)


def is_text(part: str) -> bool:
    """Whether it stands for nothing but its last character."""
    if part[0] == "\\":
        return len(part) == 2 and part[1].isascii() and not part[1].isalnum()
    return len(part) == 1 and part not in ".^$*+?{[|"
