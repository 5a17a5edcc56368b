"""Settings that name tools, held against the tools there are: the configuration itself does not know them."""

from filewarden.config.errors import ConfigError, Problem
from filewarden.config.load import Loaded
from filewarden.config.nearest import hint
from filewarden.workers.catalogue import Catalogue


def check_tool_names(loaded: Loaded, catalogue: Catalogue) -> None:
    """Look at `[deadlines.tool]`.

    Raises:
        ConfigError: with every name that no tool has.
    """
    names = [tool.name for tool in catalogue]
    origin = loaded.origins.get("deadlines.tool", "")
    problems = [
        Problem(f"deadlines.tool.{name}", origin, f"there is no such tool{hint(name, names)}")
        for name in loaded.settings.deadlines.tool
        if name not in names
    ]
    if problems:
        raise ConfigError(problems)
