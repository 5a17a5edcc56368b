"""The `--http` server: listener, token, broker and loop put together, run, and taken apart again."""

import asyncio
import traceback
from collections.abc import Callable

from filewarden.transports.assembly import make_broker
from filewarden.transports.control import ControlSocket
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK
from filewarden.transports.http.listener import LATE_IMPORTS, route_uvicorn_log
from filewarden.transports.http.metrics import LATE_IMPORTS as SCRAPED
from filewarden.transports.http_door import Opened, announce, check_reach, open_door, placed, reach_of_door
from filewarden.transports.http_service import HttpService
from filewarden.transports.loop import AsyncioReactor, new_loop
from filewarden.transports.preload import preload
from filewarden.transports.stop_signals import StopSignals
from filewarden.transports.surroundings import (
    Surroundings,
    give_up_rights,
    open_control,
    tell_launcher,
)


def serve_http(surroundings: Surroundings, stop_signals: StopSignals) -> int:
    """Serve until a signal comes; the exit status.

    Raises:
        ConfigError: a port or the token file cannot be used.
    """
    opened = open_door(surroundings)
    control = open_control(surroundings)
    reach = reach_of_door(surroundings)
    tell_launcher(surroundings, control, reach, opened.tokens)
    preload(LATE_IMPORTS)
    give_up_rights(surroundings, reach, () if surroundings.settings.status.address == "off" else SCRAPED)
    check_reach(surroundings, opened)
    route_uvicorn_log(surroundings.log)
    loop = new_loop()
    try:
        return loop.run_until_complete(_serve(surroundings, opened, control, stop_signals))
    finally:
        loop.close()


async def _serve(
    surroundings: Surroundings, opened: Opened, control: ControlSocket | None, stop_signals: StopSignals
) -> int:
    loop = asyncio.get_running_loop()
    reactor = AsyncioReactor(loop)
    ended: asyncio.Future[str] = loop.create_future()

    def end(reason: str) -> None:
        if not ended.done():
            ended.set_result(reason)

    loop.set_exception_handler(_exception_handler(surroundings, end))
    broker = make_broker(surroundings, reactor, "http", end, opened.sealing_keys, opened.tokens)
    broker.start()
    if control is not None:
        control.start(broker.overview.status, broker, reactor)
    server = HttpService(surroundings, opened, broker, reactor)
    try:
        await server.start()
        broker.follow(server)
        surroundings.notifier.start(broker, reactor)

        def on_signal() -> None:
            surroundings.notifier.stopping()
            server.drain(lambda: end(""))

        stop_signals.watch(reactor, on_signal, broker.reload)
        announce(placed(surroundings.settings, opened), opened, surroundings.log)
        reason = await ended
        await server.stop()
    finally:
        if control is not None:
            control.close()
        broker.close()
    if reason:
        surroundings.log.error(reason)
    return EXIT_FAILURE if reason else EXIT_OK


def _exception_handler(
    surroundings: Surroundings, end: Callable[[str], None]
) -> Callable[[asyncio.AbstractEventLoop, dict[str, object]], None]:
    """A bug in an action of the reactor would leave a call without an end, so it ends the server instead."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if "handle" not in context:
            surroundings.log.error(str(context.get("message")), error=repr(error))
            return
        shown = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
        end(f"internal error: {context.get('message')}: {shown}")

    return handle
