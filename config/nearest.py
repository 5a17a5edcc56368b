"""The nearest valid name to one that is unknown."""

from collections.abc import Iterable

LONGEST_COMPARED_CHARS = 100
CANDIDATES = 3
CLOSE = 0.6
"""Of difflib's ratio, where 1 is the same."""


def hint(word: str, valid: Iterable[str], prefix: str = "") -> str:
    """`; did you mean "host"?`, or nothing when no valid name is near."""
    return meant(nearest(word, valid, prefix))


def meant(name: str) -> str:
    """The question whether `name` was meant; nothing for none."""
    return f'; did you mean "{name}"?' if name else ""


def nearest(word: str, valid: Iterable[str], prefix: str = "") -> str:
    """The valid name that is meant, "" where none is near. The `prefix` of them all makes none of them near."""
    import difflib  # 3 ms that only a wrong name costs

    given = word[:LONGEST_COMPARED_CHARS].removeprefix(prefix)
    names = {name.removeprefix(prefix): name for name in valid}
    near = difflib.get_close_matches(given, list(names), n=CANDIDATES, cutoff=CLOSE)
    near.sort(key=lambda name: sorted(name) != sorted(given))  # the same letters: two were typed in the wrong order
    return names[near[0]] if near else ""
