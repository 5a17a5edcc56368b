"""The deny rules of a root: what is invisible and untouchable in every tool, by where an object really lies."""

import re
from collections.abc import Sequence

import msgspec

from filewarden.workers.paths.globs import compile_glob
from filewarden.workers.paths.resolution import Names

_SHORT_NAME = re.compile(rb"~[0-9]")


class DenyRules(msgspec.Struct, frozen=True):
    """Compiled globs. A rule without `/` holds at any depth; whatever lies below a denied folder is denied too."""

    exact: re.Pattern[bytes] | None = None
    folded: re.Pattern[bytes] | None = None

    def __bool__(self) -> bool:
        return self.exact is not None

    def deny(self, names: Names) -> bool:
        """Whether the object with these real names, or a folder above it, is denied."""
        return self.exact is not None and bool(names) and self.exact.match(b"/".join(names) + b"/") is not None

    def suspect(self, names: Names) -> bool:
        """Whether a file system that folds names (case, trailing dots, short names) may mean a denied object."""
        if self.folded is None or not names:
            return False
        path = b"/".join(fold(name) for name in names) + b"/"
        return self.folded.match(path) is not None or _SHORT_NAME.search(path) is not None


def deny_rules(patterns: Sequence[str], places: Sequence[Names] = ()) -> DenyRules:
    """Compile the `deny` setting of a root, and the names of single objects in it that are denied as well.

    Raises ToolFailure(invalid_argument) for a pattern that is no glob.
    """
    if not patterns and not places:
        return DenyRules()
    exact = [_expression(pattern) for pattern in patterns]
    folded = [_expression(_fold(pattern)) for pattern in patterns]
    for names in places:
        exact.append(re.escape(b"/".join(names)) + b"/")
        folded.append(re.escape(b"/".join(map(fold, names))) + b"/")
    return DenyRules(re.compile(b"|".join(exact)), re.compile(b"|".join(folded)))


def fold(name: bytes) -> bytes:
    """Give the name as a folding file system may compare it."""
    if name.isascii():
        return name.lower().rstrip(b". ")
    return _fold(name.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _fold(text: str) -> str:
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return text.casefold().rstrip(". ")


def _expression(pattern: str) -> bytes:
    # The folder itself is denied along with its content, and so is a rule written as for one folder only.
    plain = pattern.strip("/").removesuffix("/**")
    while plain.endswith("/**"):
        plain = plain.removesuffix("/**")
    matcher = compile_glob(plain, anywhere="/" not in plain and not pattern.startswith("/"))
    return rb"(?:" + matcher.expression.pattern + rb")/"
