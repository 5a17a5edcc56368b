"""Starting the launcher process: the first thing a server does, before any other import."""

import os
import sys

from filewarden.workers import attached

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Sequence
    from typing import Any

LAUNCHER_MODULE = "from filewarden.workers.launcher import main; main()"
CONTROL_FD = 3
_INSTALLED_IN = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


class Launched:
    """A launcher process: its id, our end of its control socket, and the read end of its standard error."""

    def __init__(self, pid: int, control: attached.Socket, errors_fd: int) -> None:
        self.pid = pid
        self.control = control
        self.errors_fd = errors_fd

    def send_profile(self, label: str, encoded: bytes, *, namespaces: bool) -> None:
        """Tell the launcher what the zygotes of a label are for; the first one has begun its imports already."""
        self._send(b" ".join((b"PN" if namespaces else b"P-", label.encode(), encoded)))

    def let_live_on(self, seconds: float) -> None:
        """Say how long these zygotes may live on when the configuration was read again: as long as a call can."""
        self._send(b"L%f" % seconds)

    def keep_charter(self, encoded: bytes) -> None:
        """Say by what the configuration is read again; without it, it never is."""
        document = os.memfd_create("charter", os.MFD_CLOEXEC)
        try:
            _write_whole(document, encoded)
            attached.send(self.control, b"C", document)
        except (BrokenPipeError, ConnectionResetError):  # as in `_send`
            return
        finally:
            os.close(document)

    def seal(self) -> None:
        """Say that nothing can be added any more: neither profiles nor what is to be taken away."""
        self._send(b"E")

    def read_again(self) -> None:
        """Let the launcher read the configuration again."""
        self._send(b"R")

    def take_edition(self, number: int) -> None:
        """What was read counts from now on, and no zygote of what counted before is started any more."""
        self._send(b"K%d" % number)

    def drop_edition(self, number: int) -> None:
        """What was read is not wanted."""
        self._send(b"D%d" % number)

    def give_up_zygote(self, label: str) -> None:
        """Let the launcher end a zygote for good."""
        self._send(b"G" + label.encode())

    def take_away_at_the_end(self, path: str) -> None:
        """Let the launcher remove a socket, or a folder of sockets, when the server is gone, however it ended."""
        self._send(b"T" + os.fsencode(path))

    def keep_audit_log(self, path: str, keep: int) -> None:
        """Say where the audit log is, and how many older files of it are kept."""
        self._send(b"A%d " % keep + os.fsencode(path))

    def ask_for_audit_file(self) -> None:
        """Let the launcher open the file of the audit log that is to be written."""
        self._send(b"F")

    def ask_for_zygote(self, label: str) -> None:
        """Let the launcher start a zygote in place of the one before of that label."""
        self._send(b"Z" + label.encode())

    def _send(self, message: bytes) -> None:
        """A launcher that is gone is noticed where its socket is watched, and ends the server with the reason."""
        try:
            self.control.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return


def _write_whole(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _bytecode_options() -> "list[str]":
    """What the environment may have told this interpreter, which the other one does not ask."""
    writes_none = ["-B"] if sys.dont_write_bytecode else []
    return [*writes_none, "-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else writes_none


def where_to_look() -> str:
    """What code begins with that an isolated interpreter (-I) runs, so that it finds what this one runs.

    Such a one does not ask the environment (PYTHONPATH), nor look where one user installs (`pip install --user`). Only
    where this package lies in such a place is it told: to look where this one does, but not in the folder that merely
    is the current one, or the program's.
    """
    site: Any = sys.modules.get("site")
    if site is None or _INSTALLED_IN not in sys.path or _INSTALLED_IN in site.getsitepackages():
        return ""
    path: list[Any] = sys.path if sys.flags.safe_path else sys.path[1:]
    # What is no text imports pass over (importlib), and the code of a pathlib.Path would be none here.
    folders = [each for each in path if isinstance(each, str)]
    return f"import sys; sys.path[:] = {folders!a}\n"


def launch(program: "Sequence[str]" = ("-c", LAUNCHER_MODULE)) -> Launched:
    """Spawn the launcher in a fresh isolated interpreter that inherits nothing but its control socket.

    `program` is what the interpreter runs, code or a file. Its standard error is a pipe of ours, so that whatever runs
    in a worker can neither reach the terminal nor flood it. Where this one writes bytecode or not holds for that too.
    """
    if program[0] == "-c":
        program = ("-c", where_to_look() + program[1])
    ours, theirs = attached.pair()
    errors_fd, errors_write = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", *_bytecode_options(), "-X", "utf8", *program],
        {"LC_ALL": "C.UTF-8", "PATH": os.defpath},
        file_actions=[
            # In this order: descriptor 3 may itself be one of those that are still to be duplicated.
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, null, 1),
            (os.POSIX_SPAWN_DUP2, errors_write, 2),
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), CONTROL_FD),
        ],
        setpgroup=0,
    )
    theirs.close()
    os.close(errors_write)
    os.close(null)
    return Launched(pid, ours, errors_fd)
