"""Which roots a call goes to, by the spelling of its paths alone: for counting, never for access. Pure."""

from collections.abc import Sequence

import msgspec

from filewarden.broker.path_arguments import texts
from filewarden.config.sections.roots import RootSettings

_FILE_ADDRESS = "file://"


class CallRoots:
    """The roots of a server, and how clients spell them."""

    def __init__(self, roots: Sequence[RootSettings]) -> None:
        self._only = roots[0].name if len(roots) == 1 else None
        self._names = frozenset(root.name for root in roots)
        self._folders = sorted(((root.path, root.name) for root in roots), key=lambda each: -len(each[0]))

    def of(self, arguments: msgspec.Struct) -> frozenset[str]:
        """Their names; none for what lies in no root."""
        if self._only is not None:
            return self._names
        found = (self._root_of(text.removeprefix(_FILE_ADDRESS)) for text in texts(arguments))
        return frozenset(name for name in found if name is not None)

    def _root_of(self, path: str) -> str | None:
        if path.startswith("/"):
            return next((name for folder, name in self._folders if f"{path}/".startswith(f"{folder}/")), None)
        first = path.partition("/")[0]
        return first if first in self._names else None
