"""From arguments, environment and file to frozen settings: precedence, origins, and every problem at once."""

import os
from collections.abc import Mapping, Sequence

import msgspec

from filewarden.config.environment import read_environment
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.flags import CommandLine, read_flags
from filewarden.config.folders import config_file, home_folder, state_folder
from filewarden.config.options import options
from filewarden.config.profiles import OUTSIDE, Profiles, access_faults, read_profiles, served_names, settings_for
from filewarden.config.root_policy import home_folders
from filewarden.config.roots import DEFAULT, Roots, read_roots
from filewarden.config.rules import examine
from filewarden.config.sections.access import AccessSettings
from filewarden.config.sections.pool import default_scan_workers
from filewarden.config.settings import Settings
from filewarden.config.sources import Given, GivenRoot, Source
from filewarden.config.toml_file import read_toml_file

NO_ROOT = (
    "no folder to serve: run `filewarden serve DIR`, set MCP_ROOT, or write [[roots]] with a path "
    "into the configuration file"
)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force. `origins` has a row for every dotted key, roots as `roots.0.path`."""

    settings: Settings
    origins: dict[str, str]
    warnings: tuple[str, ...]
    file: str | None
    """The configuration file that was read, absolute."""
    spellings: tuple[str, ...] = ()
    """The path of each root as it was given, made absolute: links may stand in it."""
    profile_spellings: dict[str, tuple[str, ...]] = {}
    """The same for the roots of each profile, by its name."""

    def spellings_of(self, profile: str) -> tuple[str, ...]:
        """The spellings of the roots that a profile serves, or of those outside of all."""
        return self.spellings if profile == OUTSIDE else self.profile_spellings[profile]


def load(
    arguments: Sequence[str], environ: Mapping[str, str], *, home: str | None = None, needs_root: bool = True
) -> Loaded:
    """Read every source and check the whole. `arguments` follow the command's name.

    Defaults < file < environment < flags. ConfigError carries every problem of every source, also of values that a
    stronger source overrides. Without a root there is nothing to serve: a problem, unless `needs_root` is False.
    """
    home = home or home_folder(environ)
    line = read_flags(arguments)
    path = line.config or config_file(environ, home)
    file = Source() if path is None else read_toml_file(path, home, is_named=line.config is not None)
    sources = [file, read_environment(environ, home), line.source]
    given = _merged(sources)
    settings = _settings(given)
    origins = {key: given[key].origin if key in given else DEFAULT for key in options()}
    problems = [problem for source in sources for problem in source.problems]
    findings = examine(settings, origins, {problem.key for problem in problems})
    ours = _our_paths(settings, environ, home, file.file)
    roots = _roots(sources, line, home, ours)
    problems += findings.problems + roots.problems
    profiles = _profiles(file, given, roots, home, ours)
    problems += profiles.problems
    origins = {**roots.origins, **profiles.origins, **origins}
    settings = msgspec.structs.replace(settings, roots=tuple(roots.settings), profiles=tuple(profiles.settings))
    if not problems:
        problems += access_faults(settings, origins)
    is_unread = file.file is None and bool(file.problems)  # who knows which roots it names?
    if needs_root and not is_unread and not any(p.key.startswith(("roots", "profiles")) for p in problems):
        problems += _rootless(settings)
    if problems:
        raise ConfigError(problems)
    return Loaded(
        settings=settings,
        origins=origins,
        warnings=(
            *(text for source in sources for text in source.warnings),
            *roots.warnings,
            *profiles.warnings,
            *findings.warnings,
        ),
        file=file.file,
        spellings=tuple(roots.spellings),
        profile_spellings=profiles.spellings,
    )


def served(loaded: Loaded) -> Loaded:
    """What a server with these settings serves: over HTTP all of it, on stdio one profile as if it were everything."""
    settings, name = loaded.settings, loaded.settings.access.profile
    if settings.http.enabled:
        return loaded
    alone = msgspec.structs.replace(settings_for(settings, name), access=AccessSettings(profile=name))
    return msgspec.structs.replace(loaded, settings=alone, spellings=loaded.spellings_of(name), profile_spellings={})


def _merged(sources: Sequence[Source]) -> dict[str, Given]:
    return {key: value for source in sources for key, value in source.values.items()}


def _settings(given: Mapping[str, Given]) -> Settings:
    tree: dict[str, dict[str, object]] = {}
    for key, one in given.items():
        option = options()[key]
        tree.setdefault(option.section, {})[option.name] = one.value
    settings = msgspec.convert(tree, Settings)
    if "pool.scan_workers" in given:
        return settings
    scan_workers = default_scan_workers(settings.pool.workers)
    return msgspec.structs.replace(settings, pool=msgspec.structs.replace(settings.pool, scan_workers=scan_workers))


def _roots(sources: Sequence[Source], line: CommandLine, home: str | None, ours: Mapping[str, str]) -> Roots:
    """Those of the strongest source that names any."""
    given = next((source.roots for source in reversed(sources) if source.roots), [])
    return read_roots(given, allows_writing=line.allows_writing, homes=home_folders(home) if given else (), ours=ours)


def _profiles(
    file: Source, outside: Mapping[str, Given], outer: Roots, home: str | None, ours: Mapping[str, str]
) -> Profiles:
    if not file.profiles:
        return Profiles()
    homes = home_folders(home)

    def read(given: Sequence[GivenRoot], key: str) -> Roots:
        return read_roots(given, allows_writing=False, homes=homes, ours=ours, key=key)

    return read_profiles(file.profiles, outside, outer, _settings, read)


def _rootless(settings: Settings) -> list[Problem]:
    """Who would be served nothing."""
    names = served_names(settings) if settings.http.enabled else [settings.access.profile]
    rooted = {OUTSIDE: bool(settings.roots)} | {each.name: bool(each.roots) for each in settings.profiles}
    rootless = [name for name in names if not rooted.get(name, True)]
    return [Problem(f'profile "{name}"' if name else "roots", "", NO_ROOT) for name in rootless]


def _our_paths(settings: Settings, environ: Mapping[str, str], home: str | None, file: str | None) -> dict[str, str]:
    """Our own files and folders that a root could hold, by real path."""
    paths = {
        file: "the configuration file",
        settings.http.token_file: "the token",
        settings.http.jwks_file: "the issuer's keys",
        settings.http.sealing_keys_file: "the sealing keys",
        settings.telemetry.headers_file: "the collector's headers",
        settings.access.tokens_folder: "the tokens of the profiles",
        settings.audit.file: "the audit log",
        settings.log.file: "the log",
    }
    if home is not None or os.path.isabs(environ.get("XDG_STATE_HOME", "")):
        paths[state_folder(environ, home)] = "the state folder"
    return {os.path.realpath(path): what for path, what in paths.items() if path}
