"""The roots together: each held against the policy, named uniquely, none twice, none undoing another."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from filewarden.config.errors import Problem, printable
from filewarden.config.folders import working_folder
from filewarden.config.root_policy import Folder, accepted_folder, doubts, lies_in
from filewarden.config.sections.roots import RootSettings
from filewarden.config.sources import Given, GivenRoot
from filewarden.config.values import written

ALLOW_WRITE = "--allow-write"
DEFAULT = "default"


class Roots(msgspec.Struct, kw_only=True):
    """The roots that are fit to be served, the origin of each of their fields, and what was found on the way."""

    settings: list[RootSettings] = []
    spellings: list[str] = []
    """The path of each as it was given, made absolute."""
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    warnings: list[str] = []


class _Placed(msgspec.Struct, frozen=True):
    key: str
    given: GivenRoot
    folder: Folder
    settings: RootSettings

    def problem(self, sentence: str) -> Problem:
        path = self.given["path"]
        return Problem(f"{self.key}.path", path.origin, sentence, str(path.value))


def read_roots(
    given: Sequence[GivenRoot],
    *,
    allows_writing: bool,
    homes: Sequence[str],
    ours: Mapping[str, str],
    key: str = "roots",
) -> Roots:
    """Check every root by itself, then all of them against each other; `key` is the dotted key above them."""
    roots = Roots()
    placed: list[_Placed] = []
    names = _names(given, roots.problems, key)
    for number, root in enumerate(given):
        if "path" in root:
            placed += _place(f"{key}.{number}", _with_mode(root, allows_writing), names[number], roots)
    for number, later in enumerate(placed):
        for earlier in placed[:number]:
            _compare(earlier, later, roots)
    for one in placed:
        _warn(one, doubts(one.folder, homes, ours), roots)
        _warn(one, _doubts_about_rights(one.settings), roots)
        roots.settings.append(one.settings)
        roots.spellings.append(one.folder.spelling)
        for field in RootSettings.__struct_fields__:
            roots.origins[f"{one.key}.{field}"] = one.given[field].origin if field in one.given else DEFAULT
    return roots


def name_fault(name: str) -> str | None:
    """Why a root cannot be called so: its name is the first part of every path in it."""
    if name in {"", ".", ".."}:
        return 'must not be empty, "." or ".."'
    if "/" in name or "\0" in name:
        return 'must not contain "/" or a NUL character'
    return None


def _names(given: Sequence[GivenRoot], problems: list[Problem], key: str) -> dict[int, str]:
    """Find a name for each root: the given ones first, then the folders' own with -2, -3 where one is taken."""
    names: dict[int, str] = {}
    for number, root in enumerate(given):
        if "name" in root:
            name = str(root["name"].value)
            fault = "is the name of another root too" if name in names.values() else name_fault(name)
            if fault:
                problems.append(Problem(f"{key}.{number}.name", root["name"].origin, fault, written(name)))
            names[number] = name
    for number, root in enumerate(given):
        if "name" not in root and "path" in root:
            names[number] = _free_name(_folder_name(str(root["path"].value)), set(names.values()))
    return names


def _folder_name(path: str) -> str:
    name = os.path.basename(os.path.normpath(os.path.join(working_folder(), path)))
    return os.fsencode(name).decode(errors="replace")  # a link may have a name that is not UTF-8


def _free_name(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}-{count}" for count in range(2, len(taken) + 3) if f"{name}-{count}" not in taken)


def _with_mode(root: GivenRoot, allows_writing: bool) -> GivenRoot:
    return {**root, "mode": Given("rw", ALLOW_WRITE)} if allows_writing else root


def _place(key: str, given: GivenRoot, name: str, roots: Roots) -> list[_Placed]:
    path = given["path"]
    try:
        folder = accepted_folder(str(path.value))
    except ValueError as error:
        roots.problems.append(Problem(f"{key}.path", path.origin, str(error), str(path.value)))
        return []
    mode: Literal["ro", "rw"] = "rw" if "mode" in given and given["mode"].value == "rw" else "ro"
    globs = given["deny"].value if "deny" in given else ()
    deny = tuple(str(glob) for glob in globs) if isinstance(globs, tuple) else ()
    settings = RootSettings(
        path=folder.path,
        name=name,
        mode=mode,
        deny=deny,
        links="refuse" if "links" in given and given["links"].value == "refuse" else "allow",
        one_filesystem="one_filesystem" in given and given["one_filesystem"].value is True,
    )
    return [_Placed(key, given, folder, settings)]


def _compare(earlier: _Placed, later: _Placed, roots: Roots) -> None:
    """Two roots on one folder are a mistake; a root inside another must not promise what the outer one breaks."""
    if earlier.folder.identity == later.folder.identity:
        roots.problems.append(later.problem(f"is the same folder as {earlier.key}: name it once"))
        return
    inner, outer = (later, earlier) if lies_in(later.folder.path, earlier.folder.path) else (earlier, later)
    if not lies_in(inner.folder.path, outer.folder.path):
        return
    if (inner.settings.mode, outer.settings.mode) == ("ro", "rw"):
        sentence = f"is read-only, but {outer.key} around it is writable: make both rw, or keep them apart"
        roots.problems.append(inner.problem(sentence))
        return
    if inner.settings.one_filesystem and not outer.settings.one_filesystem:
        sentence = f"keeps to one file system, but {outer.key} around it does not: set it on both, or keep them apart"
        roots.problems.append(inner.problem(sentence))
        return
    _warn(inner, [f"lies inside {outer.key}, whose own mode and deny rules also apply to it by that way"], roots)


def _doubts_about_rights(root: RootSettings) -> list[str]:
    if root.mode == "rw" and not os.access(root.path, os.W_OK):
        return ["is rw, but the user that the server runs as may not write to it"]
    return []


def _warn(root: _Placed, sentences: Sequence[str], roots: Roots) -> None:
    origin = root.given["path"].origin
    roots.warnings += [
        f"{root.key}.path = {printable(root.settings.path)} ({printable(origin)}): {sentence}" for sentence in sentences
    ]
