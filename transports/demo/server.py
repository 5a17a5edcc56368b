"""A real server of the demonstration: its command, its private surroundings, its start and its end."""

import collections
import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from filewarden.broker.launch import where_to_look
from filewarden.transports.demo.facts import DemoFailure
from filewarden.transports.demo.http_client import Address

START_S = 10.0
STOP_S = 5.0
# -I: the folder we were started in may be one that nobody should import from.
CODE = f"{where_to_look()}from filewarden.transports.cli import main; raise SystemExit(main())"
COMMAND = (sys.executable, "-I", "-c", CODE, "serve")
_LISTENS = re.compile(rb"Filewarden listens on http://\[?([^/]*?)\]?:(\d+)/mcp")


class Surroundings:
    """The environment that the servers of a demonstration run in: none of the user's settings, state in `home`."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.environ = private_environment(os.environ, home)

    def token(self) -> str:
        """The token that the server has made for itself.

        Raises:
            DemoFailure: there is none.
        """
        path = os.path.join(self.environ["XDG_STATE_HOME"], "filewarden", "token")
        try:
            with open(path, encoding="ascii") as file:
                return file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DemoFailure(f"the server left no token that can be read: {error}") from None

    def write_settings(self, name: str, text: str) -> str:
        """Keep a configuration file; its path."""
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Server:
    """One running server; leaving its context ends it."""

    def __init__(self, surroundings: Surroundings, arguments: Sequence[str], *, settings: str) -> None:
        """Start it. `arguments` follow `serve`; `settings` is the path of the configuration file."""
        self._surroundings = surroundings
        self._words: collections.deque[str] = collections.deque(maxlen=8)
        self._listening = threading.Event()
        self._place: tuple[str, int] | None = None
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [*COMMAND, "--config", settings, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=surroundings.environ,
        )
        if self.process.stderr is None:
            raise DemoFailure("the server was started without pipes")
        threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True).start()

    def __enter__(self) -> "Server":
        """Nothing to do: it runs from its construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and never leave it behind."""
        self.stop()

    def address(self) -> Address:
        """Where it listens, once it does.

        Raises:
            DemoFailure: it ended, or does not listen in time.
        """
        self._listening.wait(START_S)
        if self._place is None:
            raise DemoFailure(f"the server does not listen. {self.last_words()}")
        host, port = self._place
        return Address(host, port, self._surroundings.token())

    def last_words(self) -> str:
        """What it logged last, for a message."""
        return "It said: " + " | ".join(self._words) if self._words else "It said nothing."

    def stop(self) -> int:
        """End it in the polite way, then in the other; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self._finish(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self._finish(STOP_S)

    def finish(self) -> int | None:
        """Wait for a server that has reason to end by itself; None when it does not."""
        try:
            return self._finish(STOP_S)
        except subprocess.TimeoutExpired:
            return None

    def _finish(self, patience_s: float) -> int:
        status = self.process.wait(patience_s)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                _close(pipe)
        return status

    def _read_log(self, errors: IO[bytes]) -> None:
        with errors:
            for line in errors:
                found = _LISTENS.search(line)
                if found is not None:
                    self._place = (found[1].decode(), int(found[2]))
                    self._listening.set()
                self._words.append(line.decode(errors="replace").strip())
        self._listening.set()


def private_environment(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """The environment without the user's settings, with everything that servers keep below `home`."""
    kept = {name: value for name, value in environ.items() if name != "MCP_ROOT" and not name.startswith("FILEWARDEN_")}
    for variable, folder in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")):
        kept[variable] = os.path.join(home, folder)
    return kept


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # what was still to be written has no reader any more
        pipe.close()
