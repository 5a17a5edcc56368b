"""Reading the configuration again: what the launcher's child does with the rights that the server was started with.

Everything that decides what is read lies in the charter of the start: arguments, variables, and by them the file.
Whatever is wrong refuses the whole, and the server goes on as it is. Beyond what stops a start, refused is

- a configuration file that lies in a folder which workers may write to: a worker that was taken over could have
  written it, to be given what it wants;
- a root that the front-end can read, which has given up its rights by the roots there were (transports.confinement).
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import msgspec

from filewarden.broker import charter as charters
from filewarden.broker.account import check_rights, choose_account
from filewarden.broker.charter import Charter
from filewarden.config.changes import changes
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.fixed import keep_fixed
from filewarden.config.load import Loaded, load, served
from filewarden.config.profiles import all_roots
from filewarden.config.root_policy import lies_in
from filewarden.config.settings import Settings
from filewarden.transports.named_tokens import read_named_tokens
from filewarden.transports.plugins import catalogue_with_plugins
from filewarden.transports.profiles import TOO_LONG, longest_call_s, profiles
from filewarden.transports.tool_settings import check_globs, check_tool_names
from filewarden.workers import attached
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.profile import Profile, encode

LONGEST_REFUSAL_BYTES = 60_000


def reread(document: int, channel: attached.Socket) -> None:
    """Say on `channel` what the configuration is now, or why it is refused (workers.editions)."""
    os.umask(0o022)
    before = charters.decode(os.pread(document, os.fstat(document).st_size, 0))
    try:
        after, new_profiles = _renewed(before)
        encoded = charters.encode(after)
    except ConfigError as error:
        channel.send(b"X" + str(error).encode("utf-8", "backslashreplace")[:LONGEST_REFUSAL_BYTES])
        return
    except UnicodeEncodeError as error:
        channel.send(b"Xthe configuration names something that is not UTF-8: " + repr(error.object).encode())
        return
    try:
        for label, profile in new_profiles:
            mode = b"PN" if profile.sandbox != "off" else b"P-"
            channel.send(b" ".join((mode, label.encode(), encode(profile))))
    except OSError:  # EMSGSIZE (unix(7))
        channel.send(b"X" + TOO_LONG.encode())
        return
    channel.send(b"L%f" % longest_call_s(after.settings))
    new_document = os.memfd_create("charter", os.MFD_CLOEXEC)
    with open(new_document, "wb") as file:
        file.write(encoded)
        file.flush()
        attached.send(channel, b"S", new_document)


def _renewed(before: Charter) -> tuple[Charter, list[tuple[str, Profile]]]:
    """The next charter and its profiles.

    Raises:
        ConfigError: with every problem found.
    """
    environ = {os.fsdecode(name): os.fsdecode(value) for name, value in before.environ.items()}
    loaded = load([os.fsdecode(argument) for argument in before.arguments], environ)
    settings, needs_restart = keep_fixed(loaded.settings, before.settings)
    loaded = served(msgspec.structs.replace(loaded, settings=settings))
    settings = loaded.settings
    check_tool_names(loaded, catalogue_with_plugins(loaded, CATALOGUE))
    check_globs(settings)
    roots = [root.path for root in all_roots(settings)]
    problems = [*_written_by_workers(before, loaded), *_readable_roots(before, roots)]
    if problems:
        raise ConfigError(problems)
    doubts = check_rights(before.account, settings)
    if before.account is not None and choose_account(settings.sandbox.user, roots[0]) != before.account:
        needs_restart += ("the account, which is the owner of the first root",)
    tokens = read_named_tokens(settings, environ)
    after = msgspec.structs.replace(
        before,
        settings=settings,
        file=loaded.file,
        needs_restart=needs_restart,
        changes=(*changes(before.settings, settings), *_renamed(before, settings, tokens)),
        warnings=(*loaded.warnings, *doubts),
        tokens=tokens,
    )
    return after, profiles(loaded, environ=environ, account=before.account, endpoints=before.endpoints)


def _renamed(before: Charter, settings: Settings, tokens: Mapping[str, bytes]) -> list[str]:
    """A line for each named token that is another one now, whose sessions end, or whose holder has another name."""
    if not tokens:
        return []
    from filewarden.transports.http.named_tokens import holder_keys

    old = holder_keys(before.settings, before.tokens)
    return [
        f"token:{name}: {'replaced, ' if before.tokens.get(name, tokens[name]) != tokens[name] else ''}"
        f"its holder is called {key} in logs and status"
        for name, key in holder_keys(settings, tokens).items()
        if old.get(name) != key
    ]


def _written_by_workers(before: Charter, loaded: Loaded) -> list[Problem]:
    """The configuration file lies where workers may write now."""
    if loaded.file is None:
        return []
    path = PurePath(loaded.file)
    places = {loaded.file, *(os.path.realpath(each) for each in (path, *path.parents))}
    return [
        Problem(
            loaded.file,
            "",
            f"lies in {root.path}, or is reached through it, where workers may write, so it is not read while the "
            "server runs: restart the server, or keep the file elsewhere",
        )
        for root in all_roots(before.settings)
        if root.mode == "rw" and any(lies_in(place, root.path) for place in places)
    ]


def _readable_roots(before: Charter, roots: Sequence[str]) -> list[Problem]:
    return [
        Problem(
            "roots",
            "",
            f"{root} has to do with {path}, which the front-end of this server has kept the right to read: restart "
            "the server to serve it",
        )
        for root in roots
        for path in before.readable
        if lies_in(root, path) or lies_in(path, root)
    ]
