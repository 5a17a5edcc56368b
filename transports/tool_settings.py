"""Settings that only those can judge who know the tools and globs there are: the configuration itself does not."""

from collections.abc import Iterator, Sequence

from filewarden.config.errors import ConfigError, Problem
from filewarden.config.load import Loaded
from filewarden.config.nearest import hint
from filewarden.config.sections.profiles import ProfileSettings
from filewarden.config.settings import Settings
from filewarden.workers.catalogue import GROUPS, Catalogue


def check_tool_names(loaded: Loaded, catalogue: Catalogue) -> None:
    """Look at `[deadlines.tool]` and `tools.only`, of profiles too.

    Raises:
        ConfigError: with every name that no tool has.
    """
    names = [entry.name for entry in catalogue.entries]
    problems = list(_problems(loaded, "", loaded.settings, names))
    for number, profile in enumerate(loaded.settings.profiles):
        problems += _problems(loaded, f"profiles.{number}.", profile, names)
    if problems:
        raise ConfigError(list({(one.key, one.value): one for one in problems}.values()))


def _problems(
    loaded: Loaded, prefix: str, settings: Settings | ProfileSettings, names: Sequence[str]
) -> Iterator[Problem]:
    for key, given, valid in (
        ("deadlines.tool", tuple(settings.deadlines.tool), names),
        ("tools.only", settings.tools.only, [*names, *GROUPS]),
    ):
        if prefix and prefix + key not in loaded.origins:
            continue  # it is as outside of the profile, and told there
        for name in given:
            if name not in valid:
                where = f"{prefix}{key}.{name}" if key == "deadlines.tool" else prefix + key
                shown = None if key == "deadlines.tool" else name
                sentence = f"there is no such tool{hint(name, valid)}"
                yield Problem(where, loaded.origins.get(prefix + key, ""), sentence, shown)


def check_globs(settings: Settings) -> None:
    """Look at the globs of profiles, whose workers may start much later than the server.

    Raises:
        ConfigError: with every rule that is no glob.
    """
    if not settings.profiles:
        return
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.paths.deny import deny_rules

    problems = []
    for key, glob in _globs(settings.profiles):
        try:
            deny_rules((glob,))
        except ToolFailure as failure:
            problems.append(Problem(key, "", f"is no glob: {failure.message}", glob))
    if problems:
        raise ConfigError(problems)


def _globs(profiles: Sequence[ProfileSettings]) -> Iterator[tuple[str, str]]:
    """Each with the dotted key that it stands at."""
    for number, profile in enumerate(profiles):
        yield from ((f"profiles.{number}.writes.protected", glob) for glob in profile.writes.protected)
        for place, root in enumerate(profile.roots):
            yield from ((f"profiles.{number}.roots.{place}.deny", glob) for glob in root.deny)
