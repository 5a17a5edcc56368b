"""What the settings mean for the launcher: the profiles of all roles, and the files of ours that no worker touches.

Made with the rights that the server was started with: at the start, and whenever its configuration is read again.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Mapping, Sequence

from filewarden.broker.account import Account
from filewarden.broker.pool import may_write
from filewarden.broker.pool_profile import pool_profile
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import ensure_private_folder, give_private_folder, state_folder
from filewarden.config.load import Loaded
from filewarden.config.profiles import served_names, settings_for
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.settings import Settings
from filewarden.workers.profile import Profile, Role, label_of

MOST_OWN_FILES = 1000
HISTORY = "history"
"""In the state folder: what was there before each change."""
MARGIN_S = 5.0
"""What the end of a call may take beyond its deadline."""
TOO_LONG = "the configuration is too long for one message to the workers: name fewer or shorter deny rules and paths"
"""For a profile that the launcher's socket does not take whole: more than about 200 KB (net.core.wmem_default)."""


def profiles(
    loaded: Loaded,
    *,
    environ: Mapping[str, str],
    account: Account | None,
    endpoints: str,
) -> list[tuple[str, Profile]]:
    """What the zygotes of each label are for: of each profile of the settings, each role that it needs.

    What reads for everybody comes first.

    Raises:
        ConfigError: there can be no history.
    """
    own = own_paths(loaded.settings, loaded.file, environ)
    denied = denied_objects(own)
    found = []
    for name in served_names(loaded.settings):
        settings, spellings = settings_for(loaded.settings, name), loaded.spellings_of(name)
        history = history_folder(settings, environ, account, name or settings.access.profile)
        roles: list[Role] = ["ro", "rw", "watch"] if may_write(settings) else ["ro", "watch"]
        for role in roles:
            profile = pool_profile(role, settings, account, denied, endpoints, own, spellings, history)
            found.append((label_of(role, name), profile))
    return found


def longest_call_s(settings: Settings) -> float:
    """How long any call may hold its worker."""
    return max(map(_longest_s, (settings.deadlines, *(profile.deadlines for profile in settings.profiles))))


def _longest_s(deadlines: DeadlineSettings) -> float:
    soft = (deadlines.read_s, deadlines.scan_s, deadlines.write_s, *deadlines.tool.values())
    return max(soft) + deadlines.grace_s + MARGIN_S


def own_paths(settings: Settings, file: str | None, environ: Mapping[str, str]) -> list[str]:
    """What no tool touches, there already or not, by real path: our state, token, configuration, log, audit file."""
    http = settings.http
    keys = [http.token_file, http.jwks_file, http.sealing_keys_file, settings.telemetry.headers_file]
    keys.append(settings.access.tokens_folder)
    paths = [file, *keys, settings.log.file, *_audit_files(settings)]
    with contextlib.suppress(ConfigError):
        paths.append(state_folder(environ))
    return [os.path.realpath(path) for path in paths if path]


def _audit_files(settings: Settings) -> list[str]:
    """The audit log, the files that were put aside, and the one in the making."""
    file = settings.audit.file
    return [file, f"{file}.new", *(f"{file}.{number}" for number in range(1, settings.audit.keep + 1))] if file else []


def denied_objects(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Find the objects at `paths`, and the files right in those that are folders: other names may lead to them."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            facts = os.stat(path)
            found.append((facts.st_dev, facts.st_ino))
            if stat.S_ISDIR(facts.st_mode):
                with os.scandir(path) as entries:
                    found += [(facts.st_dev, entry.inode()) for entry in itertools.islice(entries, MOST_OWN_FILES)]
    return found


def history_folder(
    settings: Settings, environ: Mapping[str, str], account: Account | None, profile: str = ""
) -> str | None:
    """The folder of the history, made for the account that will own it; None where nothing is kept.

    Each account and each profile has its own: what one of them keeps is no business of another.

    Raises:
        ConfigError: it cannot be made.
    """
    if not settings.history.enabled or not may_write(settings):
        return None
    own = f"@{profile}" if profile else ""
    try:
        above = state_folder(environ)
        ensure_private_folder(above)
        if account is None:
            folder = os.path.join(above, HISTORY + own)
            ensure_private_folder(folder)
        else:
            folder = os.path.join(above, f"{HISTORY}-{account.uid}{own}")
            give_private_folder(folder, account.uid, account.gid)
    except ConfigError as error:
        fix = Problem(
            "history.enabled", "", "needs that folder; with false it is not needed, and no change can be undone"
        )
        raise ConfigError([*error.problems, fix]) from None
    return os.path.realpath(folder)
