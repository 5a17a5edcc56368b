"""Who a profile is for: holders of named tokens, and subjects of the issuer by name or pattern. Pure."""

import re
from collections.abc import Iterable

TOKEN, SUBJECT = "token:", "oauth:"
ANY = "*"
_TOKEN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
"""It is the name of a file too."""


def principal_fault(principal: str) -> str | None:
    """Why nobody can be meant by this."""
    if principal.startswith(TOKEN):
        if _TOKEN_NAME.fullmatch(principal.removeprefix(TOKEN)):
            return None
        return "must name a token by 1 to 64 letters, digits, - and _ (and dots, not at the start)"
    if principal.startswith(SUBJECT):
        return None if principal != SUBJECT else "must name a subject after oauth:, * stands for any characters"
    return f'must begin with "{TOKEN}" (the holder of a named token) or "{SUBJECT}" (a subject of http.issuer)'


def can_be_same(one: str, other: str) -> bool:
    """Whether somebody could be meant by both; only subjects have patterns."""
    if not (one.startswith(SUBJECT) and other.startswith(SUBJECT)):
        return one == other
    return _can_be_same(one, other)


def _can_be_same(one: str, other: str) -> bool:
    """Whether two patterns have a text in common: row by row over which beginnings of both have one."""
    row = [True] + [False] * len(other)
    for at, letter in enumerate(other):
        row[at + 1] = row[at] and letter == ANY
    for letter in one:
        below = [row[0] and letter == ANY]
        for at, opposite in enumerate(other):
            if letter == ANY or opposite == ANY:
                below.append(row[at + 1] or below[at])
            else:
                below.append(row[at] and letter == opposite)
        row = below
    return row[-1]


class Clientele:
    """Which profile serves whom, by what the profiles say of it: each principal has one at most."""

    def __init__(self, principals: Iterable[tuple[str, Iterable[str]]], others: str | None = "") -> None:
        """`principals` are those of each profile by its name, `others` serves everybody else; None: nobody does."""
        self._others = others
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for profile, named in principals:
            for principal in named:
                if principal.startswith(SUBJECT) and ANY in principal:
                    parts = principal.removeprefix(SUBJECT).split(ANY)
                    self._patterns.append((re.compile(".*".join(map(re.escape, parts)), re.DOTALL), profile))
                else:
                    self._exact[principal] = profile

    def of(self, principal: str) -> str | None:
        """The profile of the holder of a named token, or of a subject; None where it is served nothing."""
        if principal.startswith(SUBJECT):
            return self.of_subject(principal.removeprefix(SUBJECT))
        return self._exact.get(principal)

    def of_subject(self, subject: str) -> str | None:
        """The profile of a subject of the issuer, or None where it is served nothing."""
        exact = self._exact.get(SUBJECT + subject)
        if exact is not None:
            return exact
        return next((profile for pattern, profile in self._patterns if pattern.fullmatch(subject)), self._others)
