"""The environment as a source: `MCP_ROOT`, and one `FILEWARDEN_SECTION_KEY` variable for every setting.

A `FILEWARDEN_` variable that names one of our sections but no setting is a problem. One whose section is none of ours
is only warned of: container platforms make variables such as `FILEWARDEN_SERVICE_HOST` by themselves. An empty
`MCP_ROOT`, and empty parts of it, count as not given.
"""

import os
from collections.abc import Mapping
from functools import partial

from filewarden.config.errors import Problem, printable
from filewarden.config.folders import located, working_folder
from filewarden.config.nearest import hint
from filewarden.config.options import VARIABLE_PREFIX, Option, options, section_names
from filewarden.config.sources import Given, Source
from filewarden.config.values import from_text

ROOT_VARIABLE = "MCP_ROOT"
CLIENTS_TOKEN = "FILEWARDEN_TOKEN"  # noqa: S105 - a name
"""Where the snippets for clients say that these keep the token that they send."""
_SAID_ELSEWHERE = {
    CLIENTS_TOKEN: "is for clients: a server's own token is in http.token_file",
    f"{VARIABLE_PREFIX}CONFIG": "is ignored: --config names the file",
    f"{VARIABLE_PREFIX}PROFILE": "is ignored: --profile names the profile",
}
"""What names no setting, but what somebody may have in mind who sets it."""


def read_environment(environ: Mapping[str, str], home: str | None) -> Source:
    """Read the settings in `environ`; relative paths start at the working folder."""
    source = Source()
    known = {option.variable: option for option in options().values()}
    for variable, text in environ.items():
        if variable in known:
            option = known[variable]
            source.take(option, variable, text, partial(_value, option, text, home))
        elif variable.startswith(VARIABLE_PREFIX):
            _refuse(source, variable, list(known))
    folders = [part for part in environ.get(ROOT_VARIABLE, "").split(os.pathsep) if part]
    if folders:
        source.roots = [{"path": Given(located(part, working_folder(), home), ROOT_VARIABLE)} for part in folders]
    return source


def _value(option: Option, text: str, home: str | None) -> object:
    value = from_text(option, text)
    return located(text, working_folder(), home) if option.is_path else value


def _refuse(source: Source, variable: str, valid: list[str]) -> None:
    section = variable.removeprefix(VARIABLE_PREFIX).split("_")[0].lower()
    if section == "roots" or variable == f"{VARIABLE_PREFIX}ROOT":
        source.problems.append(Problem(variable, "environment", f"unknown variable; {ROOT_VARIABLE} names the roots"))
    elif section in section_names():
        source.problems.append(Problem(variable, "environment", f"unknown variable{_hint(variable, valid)}"))
    elif variable in _SAID_ELSEWHERE:
        source.warnings.append(f"{variable} (environment) {_SAID_ELSEWHERE[variable]}")
    else:
        source.warnings.append(
            f"{printable(variable)} (environment) names no setting and is ignored{_hint(variable, valid)}"
        )


def _hint(variable: str, valid: list[str]) -> str:
    return hint(variable, valid, VARIABLE_PREFIX)
