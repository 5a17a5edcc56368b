"""What every transport of a server stands on: settings, log, account, launcher, and the folder of endpoints."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence

import msgspec

from filewarden.broker.account import Account, check_readable, choose_account
from filewarden.broker.broker import Broker
from filewarden.broker.endpoints import EndpointFolder, make_endpoint_folder
from filewarden.broker.launch import Launched
from filewarden.broker.log import Log, open_log
from filewarden.broker.reactor import Reactor
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import ensure_private_folder, runtime_folder, state_folder
from filewarden.config.load import Loaded, load
from filewarden.config.settings import Settings
from filewarden.transports.control import ControlSocket
from filewarden.workers.catalogue import Catalogue


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a transport needs beside its own part."""

    loaded: Loaded
    environ: Mapping[str, str]
    log: Log
    account: Account | None
    launched: Launched
    catalogue: Catalogue
    folder: EndpointFolder

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings


def prepare(
    arguments: Sequence[str], environ: Mapping[str, str], launched: Launched, catalogue: Catalogue
) -> Surroundings:
    """Read the settings and open what needs the rights that the server was started with.

    Raises:
        ConfigError: with every problem found.
    """
    loaded = load(arguments, environ)
    settings = loaded.settings
    log = _open_log(settings)
    for warning in loaded.warnings:
        log.warning(warning)
    roots = [root.path for root in settings.roots]
    account = None if settings.sandbox.mode == "off" else choose_account(settings.sandbox.user, roots[0])
    if account is not None:
        check_readable(account, roots)
    folder = _endpoint_folder(environ, account)
    return Surroundings(
        loaded=loaded,
        environ=environ,
        log=log,
        account=account,
        launched=launched,
        catalogue=catalogue,
        folder=folder,
    )


def make_broker(
    surroundings: Surroundings, reactor: Reactor, transport: str, on_broken: Callable[[str], None]
) -> Broker:
    """The broker for these settings; the endpoint folder goes to the account that the server becomes."""
    account = surroundings.account
    if account is not None:
        surroundings.folder.give_to(account.uid, account.gid)
    return Broker(
        reactor=reactor,
        launched=surroundings.launched,
        settings=surroundings.settings,
        catalogue=surroundings.catalogue,
        transport=transport,
        folder=surroundings.folder,
        account=account,
        denied=denied_objects(surroundings),
        log=surroundings.log,
        on_broken=on_broken,
    )


def denied_objects(surroundings: Surroundings) -> list[tuple[int, int]]:
    """What no tool touches wherever it lies: our state, the token, the configuration, the log, the audit file."""
    settings = surroundings.settings
    paths = [surroundings.loaded.file, settings.http.token_file, settings.log.file, settings.audit.file]
    with contextlib.suppress(ConfigError):
        paths.append(state_folder(surroundings.environ))
    found = []
    for path in paths:
        if path:
            with contextlib.suppress(OSError):
                facts = os.stat(path)
                found.append((facts.st_dev, facts.st_ino))
    return found


def open_control(surroundings: Surroundings, broker: Broker, reactor: Reactor) -> ControlSocket | None:
    """The status socket for the command line; without one the server still serves."""
    if surroundings.settings.status.address == "off":
        return None
    try:
        folder = runtime_folder(surroundings.environ, os.geteuid())
        ensure_private_folder(folder)
        control = ControlSocket(folder, broker.status, reactor)
    except (ConfigError, OSError) as error:
        surroundings.log.warning("no status socket: `filewarden status` will not find this server", reason=error)
        return None
    control.start()
    return control


def _open_log(settings: Settings) -> Log:
    try:
        return open_log(settings.log.file, level=settings.log.level, log_format=settings.log.format)
    except OSError as error:
        problem = Problem("log.file", "", f"cannot be written: {error.strerror}")
        raise ConfigError([problem]) from None


def _endpoint_folder(environ: Mapping[str, str], account: Account | None) -> EndpointFolder:
    candidates = [environ.get("TMPDIR") or "/tmp", "/tmp"]  # noqa: S108 - a 0700 folder with a random name is made in it
    if account is None:
        with contextlib.suppress(ConfigError):
            folder = runtime_folder(environ, os.geteuid())
            ensure_private_folder(folder)
            candidates.insert(0, folder)
    try:
        return make_endpoint_folder(candidates)
    except OSError as error:
        raise ConfigError([Problem("TMPDIR", "", f"no folder for the workers' sockets: {error}")]) from None
