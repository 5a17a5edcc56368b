"""How a client starts this server: with the same arguments, whatever its folder and environment."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from filewarden.config.flags import flags
from filewarden.config.load import Loaded
from filewarden.transports.clients.formats import Launch


def launch(serve: Sequence[str], loaded: Loaded, environ: Mapping[str, str]) -> Launch:
    """Clients start us with a bare environment in a folder of their own: everything is absolute."""
    command, *before = _own_command(environ)
    return Launch(command, (*before, "serve", *_absolute(serve, loaded)))


def _absolute(serve: Sequence[str], loaded: Loaded) -> list[str]:
    words = iter(serve)
    kept = []
    for word in words:
        name, equals, text = word.partition("=")
        flag = flags().get(name)
        if flag is None or name == "--root":
            if name == "--root" and not equals:
                next(words, None)  # its folder is among the roots below
        elif name == "--config":
            kept += ["--config", os.path.abspath(os.path.expanduser(text if equals else next(words, "")))]
        else:
            kept.append(word)
            if flag.metavar and not equals:
                kept.append(next(words, ""))
    if not _names_roots(loaded):
        return kept
    as_given = zip(loaded.spellings, loaded.settings.roots, strict=True)
    return [*(spelling or root.path for spelling, root in as_given), *kept]


def _names_roots(loaded: Loaded) -> bool:
    """Roots of the configuration file stay there: it is read again at each start."""
    return loaded.file is None or loaded.origins.get("roots.0.path", loaded.file) != loaded.file


def _own_command(environ: Mapping[str, str]) -> list[str]:
    """How to start this very program again."""
    if environ.get("UV") and "uv" in os.path.dirname(sys.argv[0]).split(os.sep):
        return ["uvx", "filewarden"]  # what runs now lies in a cache that may be emptied
    path = shutil.which(sys.argv[0]) or shutil.which("filewarden")
    if path:
        return [os.path.abspath(path)]
    return [sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())"]
