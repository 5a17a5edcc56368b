"""The nearest valid name to one that is unknown."""

from collections.abc import Iterable


def hint(word: str, valid: Iterable[str]) -> str:
    """`; did you mean "host"?`, or nothing when no valid name is near."""
    import difflib  # 3 ms that only a wrong name costs

    near = difflib.get_close_matches(word[:100], list(valid), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
