"""Whether our own files are ours: the secrets readable by nobody else, the others writable by nobody else."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping

from filewarden.config.errors import ConfigError
from filewarden.config.folders import state_folder
from filewarden.config.load import Loaded
from filewarden.transports.doctor.findings import Row, State
from filewarden.transports.named_files import unusable_files
from filewarden.transports.token import FILE_NAME

FOR_OTHERS = 0o077
WRITABLE_BY_OTHERS = 0o022


def own_file_rows(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Row]:
    """The configuration, and a row for each file that is there."""
    yield _row("the configuration loads", loaded.file or "no file: defaults, environment and flags", holds=True)
    for warning in loaded.warnings:
        yield Row(area="machine", what="a warning of the configuration", state=State.ADVICE, seen=warning)
    for problem in unusable_files(loaded, environ):
        yield _row("a server can use the files that are named", str(problem), holds=False)
    for what, path, refused in _places(loaded, environ):
        row = _judged(what, path, refused)
        if row is not None:
            yield row


def _places(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """What is held against them, where they are, and the bits of the mode that nobody else may have."""
    http = loaded.settings.http
    folder = token = ""
    with contextlib.suppress(ConfigError):  # whatever needs one is told of among the files
        folder = state_folder(environ)
        token = os.path.join(folder, FILE_NAME)
    yield "the state folder is ours alone", folder, FOR_OTHERS
    yield "the token is ours alone", http.token_file or token, FOR_OTHERS
    yield "the sealing keys are ours alone", http.sealing_keys_file, FOR_OTHERS
    yield "the collector's headers are ours alone", loaded.settings.telemetry.headers_file, FOR_OTHERS
    yield "nobody else changes the configuration", loaded.file or "", WRITABLE_BY_OTHERS
    yield "nobody else changes the issuer's keys", http.jwks_file, WRITABLE_BY_OTHERS
    yield "nobody else changes the audit log", loaded.settings.audit.file, WRITABLE_BY_OTHERS
    yield "nobody else changes the log", loaded.settings.log.file, WRITABLE_BY_OTHERS


def _judged(what: str, path: str, refused: int) -> Row | None:
    """None where there is nothing, or nothing yet: it is made at first need."""
    if not path:
        return None
    try:
        found = os.lstat(path) if refused == FOR_OTHERS else os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _row(what, f"{path}: {error.strerror}", holds=False)
    mode = stat.S_IMODE(found.st_mode)
    owners = {os.geteuid()} if refused == FOR_OTHERS else {0, os.geteuid()}
    holds = found.st_uid in owners and mode & refused == 0
    rights = "go-rwx" if refused == FOR_OTHERS else "go-w"
    fix = "" if holds else f"chown to {os.geteuid()} and chmod {rights}"
    return _row(what, f"{path} {mode:04o}, owner {found.st_uid}", holds=holds, why=fix)


def _row(what: str, seen: str, *, holds: bool, why: str = "") -> Row:
    return Row(area="machine", what=what, state=State.HELD if holds else State.BROKEN, seen=seen, why=why)
