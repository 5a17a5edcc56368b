"""The `serve` command: everything put together, run, and taken apart again."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker.account import Account, become, check_readable, choose_account
from filewarden.broker.broker import Broker
from filewarden.broker.endpoints import EndpointFolder, make_endpoint_folder
from filewarden.broker.launch import Launched
from filewarden.broker.log import Log, open_log
from filewarden.broker.reactor import Reactor, SelectorReactor
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import ensure_private_folder, runtime_folder, state_folder
from filewarden.config.load import Loaded, load
from filewarden.config.settings import Settings
from filewarden.transports.control import ControlSocket
from filewarden.transports.preload import preload
from filewarden.workers.catalogue import Catalogue

if TYPE_CHECKING:
    from filewarden.transports.pages_thread import PagesThread

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


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


def serve(arguments: Sequence[str], environ: Mapping[str, str], launched: Launched, catalogue: Catalogue) -> int:
    """Serve until the client leaves or a signal comes; the exit status."""
    try:
        surroundings = prepare(arguments, environ, launched, catalogue)
        if surroundings.settings.http.enabled:
            from filewarden.transports.http import serve_http

            return serve_http(surroundings)
        return serve_stdio(surroundings)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    finally:
        _end_launcher(launched)


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


def serve_stdio(surroundings: Surroundings) -> int:
    """One client on standard input and output."""
    from filewarden.transports.stdio import Stdio, claim_standard_streams

    streams = claim_standard_streams()
    reactor = SelectorReactor()
    failures: list[str] = []

    def fail(reason: str) -> None:
        failures.append(reason)
        reactor.stop()

    pages = _open_pages(surroundings)
    broker = make_broker(surroundings, reactor, "stdio", fail)
    broker.start()
    control = open_control(surroundings, broker, reactor)
    if surroundings.account is not None:
        preload()
        become(surroundings.account)
    if pages is not None:
        pages.start(broker, reactor)
    limits = surroundings.settings.limits
    stdio = Stdio(
        reactor=reactor,
        broker=broker,
        streams=streams,
        max_line_bytes=limits.max_message_bytes,
        stop=reactor.stop,
    )

    def on_signal() -> None:
        stdio.stop_reading()
        broker.drain(reactor.stop)

    watch_signals(reactor, on_signal)
    stdio.start()
    reactor.run()
    stdio.flush()
    if control is not None:
        control.close()
    broker.close()
    if failures:
        surroundings.log.error(failures[0])
        return EXIT_FAILURE
    return EXIT_OK


def _open_pages(surroundings: Surroundings) -> "PagesThread | None":
    """The status pages beside stdio, where the settings give them an address; only then is anything of HTTP loaded."""
    if surroundings.settings.status.address in ("auto", "off"):
        return None
    from filewarden.transports.pages_thread import PagesThread

    return PagesThread(surroundings.settings, surroundings.environ, surroundings.log)


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


def watch_signals(reactor: Reactor, on_stop: Callable[[], None]) -> None:
    """Run `on_stop` on SIGTERM and SIGINT, once; a second signal ends the process at once."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def on_readable() -> None:
        ours.recv(64)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        theirs.fileno()  # keeps the pair alive as long as the watch
        on_stop()

    reactor.watch(ours.fileno(), on_readable)


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


def _end_launcher(launched: Launched) -> None:
    """Close what `Broker.close` has not closed: after an early failure the launcher must not stay."""
    if launched.control.fileno() >= 0:
        launched.control.close()
        os.close(launched.errors_fd)
        os.waitpid(launched.pid, 0)
