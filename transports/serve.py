"""The `serve` command: everything put together, run, and taken apart again."""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from filewarden.broker.launch import Launched
from filewarden.config.errors import ConfigError
from filewarden.config.startup_cache import StartupCache
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE
from filewarden.transports.starter import Starter
from filewarden.transports.stop_signals import StopSignals
from filewarden.transports.surroundings import (
    Surroundings,
    give_up_rights,
    open_control,
    prepare,
    tell_launcher,
)
from filewarden.workers.catalogue import Catalogue

if TYPE_CHECKING:
    from filewarden.transports.pages_thread import PagesThread
    from filewarden.transports.telemetry.tracer import Tracer

TERMINAL = (
    "standard input is a terminal: a client is to start this command and to speak there (filewarden client NAME ROOT "
    "says what it needs); --http serves clients that connect; Ctrl-C ends it"
)


def serve(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    launched: Launched,
    catalogue: Catalogue,
    stop_signals: StopSignals | None = None,
    starter: Starter | None = None,
    startup_cache: StartupCache | None = None,
) -> int:
    """Serve until the client leaves or a signal comes; the exit status.

    `stop_signals` are caught already, by a command line that did so before it started anything; else they are from now.
    The same goes for what the `starter` hands over, and for the `startup_cache` that modules come from meanwhile.
    """
    stop_signals = stop_signals or StopSignals()
    _forget_the_starter()
    tracer: Tracer | None = None
    try:
        surroundings = prepare(arguments, environ, launched, catalogue, starter or Starter(environ), startup_cache)
        tracer = surroundings.tracer
        if surroundings.settings.http.enabled:
            from filewarden.transports.http_server import serve_http

            return serve_http(surroundings, stop_signals)
        return serve_stdio(surroundings, stop_signals)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    finally:
        _end_launcher(launched)
        if tracer is not None:
            tracer.close()


def serve_stdio(surroundings: Surroundings, stop_signals: StopSignals) -> int:
    """One client on standard input and output."""
    control = open_control(surroundings)
    tell_launcher(surroundings, control)
    # The launcher has its part of the start by now, and prepares the first worker while ours is loaded.
    from filewarden.broker.reactor import EpollReactor
    from filewarden.transports.assembly import make_broker
    from filewarden.transports.stdio import Stdio, claim_standard_streams

    if os.isatty(0):
        surroundings.log.info(TERMINAL)
    streams = claim_standard_streams()
    reactor = EpollReactor()
    failures: list[str] = []

    def fail(reason: str) -> None:
        failures.append(reason)
        reactor.stop()

    pages = _open_pages(surroundings)
    give_up_rights(surroundings, late=() if pages is None else pages.late_imports)
    broker = make_broker(surroundings, reactor, "stdio", fail)
    broker.start()
    if control is not None:
        control.start(broker.overview.status, broker, reactor)
    if pages is not None:
        pages.start(broker, reactor)
    limits = surroundings.settings.limits
    stdio = Stdio(
        reactor=reactor,
        broker=broker,
        streams=streams,
        max_line_bytes=limits.max_message_bytes,
        start_s=surroundings.settings.pool.start_timeout_s,
        stop=reactor.stop,
    )

    def on_signal() -> None:
        surroundings.notifier.stopping()
        broker.drain(reactor.stop)

    broker.follow(stdio)
    surroundings.notifier.start(broker, reactor)
    stop_signals.watch(reactor, on_signal, broker.reload)
    stdio.start()
    reactor.run()
    broker.end_calls()
    stdio.flush()
    if control is not None:
        control.close()
    broker.close()
    if failures:
        surroundings.log.error(failures[0])
        return EXIT_FAILURE
    return EXIT_OK


def _forget_the_starter() -> None:
    """Undo what whoever started us may have set for itself, and what we cannot work with."""
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # ignored, it would leave us no child to wait for
    os.umask(0o022)


def _open_pages(surroundings: Surroundings) -> "PagesThread | None":
    """The status pages beside stdio, where the settings give them an address; only then is anything of HTTP loaded."""
    if surroundings.settings.status.address in ("auto", "off"):
        return None
    from filewarden.transports.pages_thread import PagesThread

    return PagesThread(surroundings.settings, surroundings.environ, surroundings.log)


def _end_launcher(launched: Launched) -> None:
    """Close what `Broker.close` has not closed: after an early failure the launcher must not stay."""
    if launched.control.fileno() >= 0:
        launched.control.close()
        os.close(launched.errors_fd)
        os.waitpid(launched.pid, 0)
