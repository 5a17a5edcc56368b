"""The `demo` command: real servers on every transport, the tools at work, and trouble that stays where it is made."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from filewarden.config.folders import working_folder
from filewarden.transports.demo.client import Client
from filewarden.transports.demo.crowd import show_crowd
from filewarden.transports.demo.facts import DemoFailure
from filewarden.transports.demo.http_client import Pages
from filewarden.transports.demo.isolation import SETTINGS, Isolation
from filewarden.transports.demo.pipe import PipeWire
from filewarden.transports.demo.playground import build_playground
from filewarden.transports.demo.report import Report, open_report
from filewarden.transports.demo.server import Server, Surroundings
from filewarden.transports.demo.tour import Sight, show_tour

EXIT_HELD, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
FOLDERS, FILES = 200, 200
_TAME = "[pool]\ndrain_s = 1.0\n"


def run_demo(arguments: Sequence[str]) -> int:
    """Play every act on the folder named by the arguments; 0 only when every claim held."""
    folder = os.path.join(working_folder(), next(iter(arguments), ""))
    if not os.path.isdir(folder):
        named = folder or "what was the current one"
        sys.stderr.write(f"filewarden demo: {named} is no folder; name one, or none for the current folder\n")
        return EXIT_USAGE
    folder = os.path.normpath(folder)
    try:
        with _interruptible(), contextlib.ExitStack() as stack:
            return _play(folder, stack)
    except KeyboardInterrupt:
        sys.stderr.write("\nfilewarden demo: interrupted; everything it had started is stopped\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Nobody reads us any more; the interpreter must not try to flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _play(folder: str, stack: contextlib.ExitStack) -> int:
    started = time.monotonic()
    report = open_report()
    report.title("Filewarden", f"a demonstration on {folder}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        report.note("started as root: front-end and workers become the folder's owner, or nobody where that is root")
    surroundings = Surroundings(_temporary(stack))
    stage = _Stage(report, surroundings, folder)
    sight: list[Sight | None] = [None]

    def tour() -> None:
        sight[0] = stage.tour()

    _act(report, "A server over stdio", tour)
    _act(report, "Five clients at once over HTTP+SSE", lambda: stage.crowd(sight[0]))
    if hasattr(os, "mkfifo"):
        _act(report, "Isolation at work, while small reads go on", stage.isolation)
    else:
        report.note("this system has no pipes and signals as the isolation act needs them: not shown")
    stack.close()
    return EXIT_HELD if report.verdict(time.monotonic() - started) else EXIT_FAILED


class _Stage:
    """What the acts have in common."""

    def __init__(self, report: Report, surroundings: Surroundings, folder: str) -> None:
        self._report = report
        self._surroundings = surroundings
        self._folder = folder
        self._tame = surroundings.write_settings("tame.toml", _TAME)

    def tour(self) -> Sight | None:
        """One server over stdio, one client, four tools."""
        with Server(self._surroundings, [self._folder], settings=self._tame) as server:
            client = Client(PipeWire(server.process))
            try:
                sight = show_tour(self._report, client)
            except DemoFailure as failure:
                raise DemoFailure(f"{failure}. {server.last_words()}") from None
            client.close()
            status = server.finish()
            self._report.claim(f"it ends when its client hangs up (exit status {status})", status == 0)
            return sight

    def crowd(self, sight: Sight | None) -> None:
        """One server over HTTP, five clients."""
        arguments = ["--http", "--port", "0", self._folder]
        with Server(self._surroundings, arguments, settings=self._tame) as server:
            address = server.address()
            pages = Pages(address)
            with contextlib.closing(pages):
                self._report.note(
                    f"http://{address.host}:{address.port}/sse, health: {pages.fetch('/health').text('status')}"
                )
            show_crowd(self._report, address, sight.path if sight is not None else None)
            status = server.stop()
            self._report.claim(f"it ends when it is told to (exit status {status})", status == 0)

    def isolation(self) -> None:
        """One server with short deadlines on a folder full of traps."""
        with contextlib.ExitStack() as stack:
            place = _temporary(stack)
            size = build_playground(place, folders=FOLDERS, files=FILES)
            settings = self._surroundings.write_settings("strict.toml", SETTINGS)
            arguments = ["--http", "--port", "0", place]
            server = stack.enter_context(Server(self._surroundings, arguments, settings=settings))
            address = server.address()
            self._report.note(f"a playground of {size} files and folders, short deadlines, Streamable HTTP")
            with contextlib.closing(Isolation(self._report, address)) as isolation:
                isolation.show()


def _act(report: Report, headline: str, play: Callable[[], None]) -> None:
    report.act(headline)
    try:
        play()
    except DemoFailure as failure:
        report.claim(str(failure), False)


def _temporary(stack: contextlib.ExitStack) -> str:
    place = tempfile.mkdtemp(prefix="fw-demo-")
    stack.callback(shutil.rmtree, place, ignore_errors=True)
    return place


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demonstration the way Ctrl-C does, so that nothing is left behind."""
    numbers = [signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
