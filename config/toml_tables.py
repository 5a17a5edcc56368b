"""The parsed tables of the TOML file: every value checked, every name known, everything else a problem."""

import os
from collections.abc import Iterable
from functools import partial

from filewarden.config.errors import Problem
from filewarden.config.folders import located
from filewarden.config.nearest import hint, nearest
from filewarden.config.options import Option, options, profile_options, root_options, section_names
from filewarden.config.sections.profiles import OF_THE_SERVER, OVERRIDDEN
from filewarden.config.sources import Given, GivenProfile, GivenRoot, Source
from filewarden.config.values import from_toml, written

ROOTS, PROFILES = "roots", "profiles"
LISTED = "; `filewarden config init` prints all"
Table = dict[str, object]


class TableReader:
    """Walks the parsed tables and fills a `Source`."""

    def __init__(self, source: Source, path: str, home: str | None) -> None:
        self._source = source
        self._path = path
        self._folder = os.path.dirname(path)
        self._home = home

    def read_section(self, name: str, value: object) -> None:
        """Take one item of the file's top level."""
        if name == ROOTS:
            self._source.roots = self._roots(ROOTS, value)
        elif name == PROFILES:
            tables = self._tables(PROFILES, value) or []
            self._source.profiles = [self._profile(f"{PROFILES}.{number}", each) for number, each in enumerate(tables)]
        elif name not in section_names():
            self._refuse(name, _stray(name, is_table=isinstance(value, (dict, list))))
        else:
            self._source.values.update(self._section("", name, value))

    def _section(self, prefix: str, name: str, value: object) -> dict[str, Given]:
        """The settings of one table by dotted key; problems begin with `prefix`."""
        if not isinstance(value, dict):
            self._refuse(prefix + name, f"must be a table: write [{prefix and 'profiles.'}{name}] on a line of its own")
            return {}
        part = Source()
        for key, item in value.items():
            self._read(part, prefix, f"{name}.{key}", item)
        self._take_over(part, prefix)
        return part.values

    def _read(self, part: Source, prefix: str, dotted: str, value: object) -> None:
        option = options().get(dotted)
        if option is None:
            section, _, key = dotted.partition(".")
            valid = [option.name for option in options().values() if option.section == section]
            self._refuse(prefix + dotted, f"unknown key{hint(key, valid) or LISTED}")
        elif prefix and dotted in OF_THE_SERVER:
            self._refuse(prefix + dotted, "is the same for all profiles: set it outside of them")
        else:
            part.take(option, self._path, written(value), partial(self._value, option, value))

    def _profile(self, key: str, table: Table) -> GivenProfile:
        given = GivenProfile()
        own = {name: value for name, value in table.items() if name not in (ROOTS, *OVERRIDDEN)}
        given.fields = self._fields(key, own, profile_options(), [*profile_options(), ROOTS, *OVERRIDDEN])
        if ROOTS in table:
            given.roots = self._roots(f"{key}.{ROOTS}", table[ROOTS])
        for name in OVERRIDDEN:
            if name in table:
                given.values.update(self._section(f"{key}.", name, table[name]))
        if "name" not in table:
            self._refuse(f"{key}.name", "is missing: every [[profiles]] needs one")
        return given

    def _roots(self, key: str, value: object) -> list[GivenRoot] | None:
        tables = self._tables(key, value)
        if tables is None:
            return None
        return [self._root(f"{key}.{number}", table) for number, table in enumerate(tables)]

    def _root(self, key: str, table: Table) -> GivenRoot:
        given = self._fields(key, table, root_options(), root_options())
        if "path" not in table:
            heading = "roots" if key.startswith(ROOTS) else "profiles.roots"
            self._refuse(f"{key}.path", f"is missing: every [[{heading}]] needs the folder that it serves")
        return given

    def _tables(self, key: str, value: object) -> list[Table] | None:
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            heading = ".".join(part for part in key.split(".") if not part.isdecimal())
            self._refuse(key, f"must be a list of tables: write [[{heading}]] above each")
            return None
        return value

    def _fields(self, key: str, table: Table, known: dict[str, Option], valid: Iterable[str]) -> dict[str, Given]:
        part = Source()
        for name, value in table.items():
            option = known.get(name)
            if option is None:
                self._refuse(f"{key}.{name}", f"unknown key{hint(name, valid)}")
            else:
                part.take(option, self._path, written(value), partial(self._value, option, value))
        self._take_over(part, f"{key}.")
        return part.values

    def _take_over(self, part: Source, prefix: str) -> None:
        self._source.problems += [
            Problem(prefix + problem.key, problem.origin, problem.sentence, problem.value) for problem in part.problems
        ]

    def _value(self, option: Option, value: object) -> object:
        checked = from_toml(option, value)
        if option.is_path and isinstance(checked, str):
            return located(checked, self._folder, self._home)
        return checked

    def _refuse(self, key: str, sentence: str) -> None:
        self._source.problems.append(Problem(key, self._path, sentence))


def _stray(name: str, *, is_table: bool) -> str:
    """What is wrong with an item of the file's top level that is no section."""
    if is_table:
        return f"unknown section{hint(name, [*section_names(), ROOTS, PROFILES]) or LISTED}"
    near = nearest(name, [option.name for option in options().values()])
    sections = " or ".join(f"[{option.section}]" for option in options().values() if option.name == near)
    return f"stands in no section; did you mean {near} in {sections}?" if near else f"stands in no section{LISTED}"
