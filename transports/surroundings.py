"""What every transport of a server stands on: settings, log, account, launcher, and the folder of endpoints.

It loads little more than it takes to tell the launcher what is served: the first worker waits for that.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker.account import Account, account_for, become, can_enter, check_rights
from filewarden.broker.charter import VARIABLES, Charter, encode as encode_charter
from filewarden.broker.endpoints import EndpointFolder, make_endpoint_folder
from filewarden.broker.launch import Launched
from filewarden.broker.links import load_links
from filewarden.broker.log import Log, open_log
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import ensure_private_folder, runtime_folder
from filewarden.config.load import Loaded, load, served
from filewarden.config.options import VARIABLE_PREFIX
from filewarden.config.profiles import all_roots
from filewarden.config.settings import Settings
from filewarden.config.startup_cache import StartupCache
from filewarden.transports.confinement import confine_front_end, has_landlock
from filewarden.transports.control import ControlSocket
from filewarden.transports.libraries import can_import_later, hold_libraries, libraries
from filewarden.transports.notifier import Notifier
from filewarden.transports.plugins import catalogue_with_plugins
from filewarden.transports.preload import preload
from filewarden.transports.profiles import TOO_LONG, longest_call_s, profiles
from filewarden.transports.reach import NOTHING, Reach
from filewarden.transports.starter import Starter
from filewarden.transports.tool_settings import check_globs, check_tool_names
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.profile import Profile, encode

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog
    from filewarden.transports.telemetry.tracer import Tracer


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a transport needs beside its own part."""

    arguments: Sequence[str]
    loaded: Loaded
    environ: Mapping[str, str]
    log: Log
    account: Account | None
    launched: Launched
    catalogue: Catalogue
    folder: EndpointFolder
    starter: Starter
    notifier: Notifier
    audit: "AuditLog | None" = None
    tracer: "Tracer | None" = None
    startup_cache: StartupCache | None = None
    """Where modules come from, until the rights are given up."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings


def prepare(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    launched: Launched,
    catalogue: Catalogue,
    starter: Starter | None = None,
    startup_cache: StartupCache | None = None,
) -> Surroundings:
    """Read the settings and open what needs the rights that the server was started with.

    Raises:
        ConfigError: with every problem found.
    """
    loaded = served(load(arguments, environ))
    known = frozenset(sys.modules)
    catalogue = catalogue_with_plugins(loaded, catalogue)
    if startup_cache is not None:  # somebody else's code, which not everybody may be able to read
        startup_cache.leave_out(sys.modules.keys() - known)
    check_tool_names(loaded, catalogue)
    settings = loaded.settings
    if settings.profiles:
        check_globs(settings)
    log = _open_log(settings)
    starter = starter or Starter({})
    if starter.sockets and not settings.http.enabled:
        log.warning("sockets were handed over, which only a server over HTTP has a use for (http.enabled)")
    for warning in loaded.warnings:
        log.warning(warning)
    account = account_for(settings)
    for warning in check_rights(account, settings):
        log.warning(warning)
    folder = _endpoint_folder(environ, account)
    return Surroundings(
        arguments=arguments,
        loaded=loaded,
        environ=environ,
        log=log,
        account=account,
        launched=launched,
        catalogue=catalogue,
        folder=folder,
        audit=_open_audit(settings, log),
        tracer=_open_tracer(settings, log),
        starter=starter,
        notifier=Notifier(starter, log),
        startup_cache=startup_cache,
    )


def _open_tracer(settings: Settings, log: Log) -> "Tracer | None":
    """What sends traces, where there is to be a collector; it is loaded only then."""
    if not settings.telemetry.otlp_endpoint:
        return None
    from filewarden.transports.telemetry.opening import open_tracer

    return open_tracer(settings.telemetry, "http" if settings.http.enabled else "stdio", log)


def _reach_of_tracer(settings: Settings) -> Reach:
    if not settings.telemetry.otlp_endpoint:
        return NOTHING
    from filewarden.transports.telemetry.opening import reach_of_collector

    return reach_of_collector(settings.telemetry)


def tell_launcher(
    surroundings: Surroundings,
    control: ControlSocket | None,
    reach: Reach = NOTHING,
    tokens: Mapping[str, bytes] | None = None,
) -> None:
    """Name what is served and how, so that the workers come up while the rest is made ready.

    `reach` is what the front-end will keep for itself, `tokens` are the digests of named ones.
    """
    launched, folder, account = surroundings.launched, surroundings.folder, surroundings.account
    if account is not None:
        folder.give_to(account.uid, account.gid)
    for path in [folder.path] if control is None else [folder.path, *control.paths]:
        launched.take_away_at_the_end(path)
    settings, loaded = surroundings.settings, surroundings.loaded
    for label, profile in profiles(loaded, environ=surroundings.environ, account=account, endpoints=folder.path):
        _send_profile(launched, label, profile)
    if surroundings.audit is not None:
        launched.keep_audit_log(settings.audit.file, settings.audit.keep)
    launched.let_live_on(longest_call_s(settings))
    _keep_charter(surroundings, reach, tokens or {})
    launched.seal()


def _send_profile(launched: Launched, label: str, profile: Profile) -> None:
    try:
        launched.send_profile(label, encode(profile), namespaces=profile.sandbox != "off")
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        raise ConfigError([Problem("roots", "", TOO_LONG)]) from None


def _keep_charter(surroundings: Surroundings, reach: Reach, tokens: Mapping[str, bytes]) -> None:
    """Write down by what the configuration is read again."""
    settings = surroundings.settings
    confined = settings.sandbox.mode != "off"
    reach |= _reach_of_tracer(settings)
    roots = [root.path for root in all_roots(settings)]
    charter = Charter(
        arguments=tuple(map(os.fsencode, surroundings.arguments)),
        environ={
            os.fsencode(name): os.fsencode(value)
            for name, value in surroundings.environ.items()
            if name in VARIABLES or name.startswith(VARIABLE_PREFIX)
        },
        account=surroundings.account,
        endpoints=surroundings.folder.path,
        readable=(*dict.fromkeys(libraries(roots)), *reach.paths) if confined else (),
        settings=settings,
        file=surroundings.loaded.file,
        tokens=dict(tokens),
    )
    try:
        surroundings.launched.keep_charter(encode_charter(charter))
    except (UnicodeEncodeError, OSError) as error:  # a path in it is not UTF-8; no room for it
        surroundings.log.warning("the configuration cannot be read again while this server runs", reason=error)


def give_up_rights(surroundings: Surroundings, reach: Reach = NOTHING, late: Iterable[str] = ()) -> None:
    """Become the account of the workers when started as root, and keep only what serving takes.

    `late` are modules that are imported at first need: now, where they cannot be any more afterwards.
    """
    settings = surroundings.settings
    load_links(settings.pool.zeromq)
    if surroundings.startup_cache is not None:
        surroundings.startup_cache.close()
    if settings.sandbox.mode != "off":
        roots = [root.path for root in all_roots(settings)]
        if not _can_import_later(surroundings.account, roots):
            preload()
            preload(late)
            surroundings.catalogue.load()
        if surroundings.account is not None:
            become(surroundings.account)
        reach |= _reach_of_tracer(settings)
        confine_front_end(roots, surroundings.folder.path, surroundings.log, reach)
    if surroundings.tracer is not None:
        surroundings.tracer.start()


def _can_import_later(account: Account | None, roots: Sequence[str]) -> bool:
    """Whether what is not loaded yet can still be loaded when the rights are given up; all of it, or nothing counts."""
    if not can_import_later(roots):
        return False
    return account is None or (has_landlock() and hold_libraries(account))


def open_control(surroundings: Surroundings) -> ControlSocket | None:
    """The status socket for the command line; without one the server still serves."""
    if surroundings.settings.status.address == "off":
        return None
    try:
        folder = runtime_folder(surroundings.environ, os.geteuid())
        ensure_private_folder(folder)
        return ControlSocket(folder)
    except (ConfigError, OSError) as error:
        surroundings.log.warning("no status socket: `filewarden status` will not find this server", reason=error)
        return None


def _open_log(settings: Settings) -> Log:
    try:
        return open_log(settings.log.file, level=settings.log.level, log_format=settings.log.format)
    except OSError as error:
        problem = Problem("log.file", "", f"cannot be written: {error.strerror}")
        raise ConfigError([problem]) from None


def _open_audit(settings: Settings, log: Log) -> "AuditLog | None":
    """The audit log, where there is to be one; what writes it is loaded only then."""
    if not settings.audit.file:
        return None
    from filewarden.broker.audit import open_audit

    try:
        return open_audit(settings.audit, log)
    except OSError as error:
        raise ConfigError([Problem("audit.file", "", f"cannot be written: {error.strerror}")]) from None


def _endpoint_folder(environ: Mapping[str, str], account: Account | None) -> EndpointFolder:
    candidates = [environ.get("TMPDIR") or "/tmp", "/tmp"]  # noqa: S108 - a 0700 folder with a random name is made in it
    if account is None:
        with contextlib.suppress(ConfigError):
            folder = runtime_folder(environ, os.geteuid())
            ensure_private_folder(folder)
            candidates.insert(0, folder)
    else:
        candidates = [folder for folder in candidates if can_enter(account, folder)]
    try:
        return make_endpoint_folder(candidates)
    except OSError as error:
        raise ConfigError([Problem("TMPDIR", "", f"no folder for the workers' sockets: {error}")]) from None
