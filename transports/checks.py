"""What `serve` refuses beside bad settings, found without serving: every problem at once."""

import contextlib
import sys
from collections.abc import Iterable, Iterator

import msgspec

from filewarden.broker.account import Account, check_rights
from filewarden.config.errors import ConfigError, Problem, problems_of
from filewarden.config.load import Loaded
from filewarden.transports.plugins import catalogue_with_plugins
from filewarden.transports.tool_settings import check_globs, check_tool_names
from filewarden.workers.catalogue import CATALOGUE


def checked(loaded: Loaded, account: Account | None, problems: Iterable[Problem] = ()) -> Loaded:
    """The same, with what a server would warn of among the warnings.

    Raises:
        ConfigError: for all that a server would refuse, and the `problems` that were found before.
    """
    doubts: list[str] = []
    found = [
        *problems_of(lambda: _check_tools(loaded)),
        *problems_of(lambda: check_globs(loaded.settings)),
        *problems_of(lambda: doubts.extend(check_rights(account, loaded.settings))),
        *problems,
    ]
    if found:
        raise ConfigError(found)
    return msgspec.structs.replace(loaded, warnings=(*loaded.warnings, *doubts))


def _check_tools(loaded: Loaded) -> None:
    with _leaving_nothing():
        catalogue = catalogue_with_plugins(loaded, CATALOGUE)
    check_tool_names(loaded, catalogue)


@contextlib.contextmanager
def _leaving_nothing() -> Iterator[None]:
    """Import without a `__pycache__` beside what is imported, whose folder is not ours."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
