"""The plugins of a configuration, added to the built-in tools before anything is served."""

import os

from filewarden.config.errors import ConfigError, Problem
from filewarden.config.load import Loaded
from filewarden.config.profiles import all_roots
from filewarden.workers.catalogue import Catalogue

KEY = "tools.plugins"


def catalogue_with_plugins(loaded: Loaded, catalogue: Catalogue) -> Catalogue:
    """The tools that are served; nothing is imported where no plugin is named.

    Raises:
        ConfigError: a plugin cannot be used, or could be changed by those who are served.
    """
    names = loaded.settings.tools.plugins
    if not names:
        return catalogue
    from filewarden.workers.plugins.loading import place_of, with_plugins
    from filewarden.workers.plugins.refusal import PluginError

    origin = loaded.origins.get(KEY, "")
    try:
        for name in names:
            if root := _writable_root(loaded, place_of(name)):
                raise PluginError(
                    name, f"lies in {root}, which clients may change: they would run it at the next start"
                )
        return with_plugins(catalogue, names)
    except PluginError as error:
        raise ConfigError([Problem(KEY, origin, error.reason, error.name)]) from None


def _writable_root(loaded: Loaded, path: str | None) -> str | None:
    """The root with writing that a file lies in; a link to it from elsewhere leads to the same file."""
    if path is None:
        return None
    place = os.path.realpath(path)
    for root in all_roots(loaded.settings):
        if root.mode == "rw" and os.path.commonpath([os.path.realpath(root.path), place]) == os.path.realpath(
            root.path
        ):
            return root.path
    return None
