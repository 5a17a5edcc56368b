"""The zygote: a process that has imported everything a worker may need, and forks workers on request.

It is single-threaded, has no link, and reads only the launcher's profile and the front-end's spawn messages.
It imports and calls every lazy path once, settles in the place where its workers will live, and only then forks
workers, each of which confines itself.
"""

import gc
import os
import select
import signal
import socket
from collections.abc import Callable
from types import ModuleType

from filewarden.workers import profile as messages
from filewarden.workers.allocator import tune_allocator
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.confine import landlock, seccomp
from filewarden.workers.confine.limits import be_an_early_victim
from filewarden.workers.confine.namespaces import Isolation
from filewarden.workers.confine.privileges import die_with_parent, set_process_name
from filewarden.workers.errors import ToolFailure
from filewarden.workers.place import Place, UnfitError, settle
from filewarden.workers.plugins.refusal import PluginError
from filewarden.workers.profile import CONTROL_BYTES, Exited, Profile, Spawn, Spawned, Unusable
from filewarden.workers.rules.protection import protection
from filewarden.workers.slices import ANSWERING_S, set_slice

GATE_FDS = 1
NOT_FOR_WORKERS = (
    "__main__",
    ".audit",
    ".doctor",
    ".doctor_attacks",
    ".notices",
    ".plugins",
    ".watch_wire",
    ".watched",
    ".watcher",
)
STANDARD_MODULES = (
    "base64",
    "binascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_32",
    "hashlib",
    "linecache",
    "msgpack",
    "resource",
    "stringprep",
    "traceback",
    "unicodedata",
)


BecomeChild = Callable[[Spawn, int, int], None]
"""Live as a child of this zygote: its spawn message, its start gate, and the zygote's process id as it sees it."""


class Child:
    """A child of this zygote: its serial number and the descriptor that tells when it is gone."""

    def __init__(self, serial: int, pid: int, pidfd: int) -> None:
        self.serial = serial
        self.pid = pid
        self.pidfd = pidfd


def serve(control: socket.socket, isolation: Isolation, catalogue: Catalogue) -> None:
    """Serve spawn messages until the front-end closes `control` or dies; then kill every worker and return."""
    parent_pid = os.getppid()  # 0 when it is in another process id namespace
    die_with_parent(parent_pid)
    set_process_name("fw-zygote")
    _import_worker_side()
    tune_allocator(single_arena=True)
    set_slice(0, ANSWERING_S)
    landlock.abi()
    seccomp.program("ro")  # for the one that is started before it has a profile; it has the time
    be_an_early_victim()
    data = control.recv(CONTROL_BYTES)
    if not data:
        return
    profile = messages.decode_profile(data)
    seccomp.program(profile.role)
    try:
        child = _child(profile, catalogue)
        place = settle(profile, isolation)
    except OSError as error:
        _refuse(control, f"a root cannot be opened: {error.strerror}")
        return
    except ToolFailure as failure:
        _refuse(control, f"a deny rule, or one of writes.protected, is no glob: {failure.message}")
        return
    except UnfitError as error:
        _refuse(control, str(error))
        return
    except PluginError as error:
        _refuse(control, f"a plugin cannot be used: {error}")
        return
    except ImportError as error:
        _refuse(control, f"nothing can be watched: {error}")
        return
    die_with_parent(parent_pid)  # a change of account cancels the parent-death signal (prctl(2))
    gc.enable()  # it rests while everything is imported
    gc.collect()
    gc.freeze()
    Zygote(control, child(place)).run()


def _child(profile: Profile, catalogue: Catalogue) -> Callable[[Place], BecomeChild]:
    """What the children do by the zygote's role; raises ImportError, ToolFailure."""
    if profile.role == "watch":
        from filewarden.workers.watching.watcher import Watcher  # loads what only a watcher needs

        return lambda place: lambda *birth: Watcher(profile, place).run(*birth)
    from filewarden.workers.worker import Worker

    if profile.plugins:
        import filewarden.workers.plugins as package
        from filewarden.workers.plugins.loading import with_plugins

        _import_all(package)

        catalogue = with_plugins(catalogue, profile.plugins)
    protection(profile.writes.protected)  # a glob that is none is found here, and every worker finds them compiled
    return lambda place: Worker(catalogue, profile, place).run  # made here, so that no child has to


def _refuse(control: socket.socket, reason: str) -> None:
    """Say why, and wait to be left: with a spawn message unread, an end from here would reach the other side first."""
    control.send(messages.encode(Unusable(reason)))
    while control.recv(CONTROL_BYTES):
        pass


def _import_worker_side() -> None:
    """Import what workers import at first need: after the change of account and the confinement nothing can be."""
    import importlib

    import filewarden.workers as package

    for name in STANDARD_MODULES:
        importlib.import_module(name)
    _import_all(package, NOT_FOR_WORKERS)


def _import_all(package: ModuleType, but: tuple[str, ...] = ()) -> None:
    """Import what is below a package, but what ends in a name of `but`.

    By hand: pkgutil would bring `inspect`, which costs every start 7 ms and every worker its pages.
    """
    import importlib

    for folder in package.__path__:
        with os.scandir(folder) as found:
            entries = sorted((entry.name, entry.is_dir()) for entry in found)
        for file, is_folder in entries:
            name = f"{package.__name__}.{file.removesuffix('.py')}"
            is_package = is_folder and os.path.exists(os.path.join(folder, file, "__init__.py"))
            if name.endswith((*but, ".__init__")) or not (is_package or file.endswith(".py")):
                continue
            module = importlib.import_module(name)
            if is_package:
                _import_all(module, but)


class Zygote:
    """The loop of one zygote: forks, reaps, reports."""

    def __init__(self, control: socket.socket, become_child: BecomeChild) -> None:
        self._control = control
        self._become_child = become_child
        self._workers: dict[int, Child] = {}
        self._poll = select.poll()

    def run(self) -> None:
        """Obey the front-end until it is gone."""
        self._poll.register(self._control.fileno(), select.POLLIN)
        try:
            while True:
                for fd, _event in self._poll.poll():
                    if fd != self._control.fileno():
                        self._reap(self._workers.pop(fd))
                    elif not self._obey():
                        return
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            self._kill_all()

    def _obey(self) -> bool:
        data, fds, _flags, _address = socket.recv_fds(self._control, CONTROL_BYTES, GATE_FDS)
        if not data:
            return False
        message = messages.decode_spawn(data)
        gate = fds[0]
        self._spawn(message, gate)
        return True

    def _spawn(self, message: Spawn, gate: int) -> None:
        gc.collect()
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            self._live_as_child(message, gate)
        os.close(gate)
        worker = Child(message.serial, pid, os.pidfd_open(pid))
        self._workers[worker.pidfd] = worker
        self._poll.register(worker.pidfd, select.POLLIN)
        socket.send_fds(self._control, [messages.encode(Spawned(message.serial, pid))], [worker.pidfd])

    def _live_as_child(self, message: Spawn, gate: int) -> None:
        zygote_pid = os.getppid()
        status = 1
        try:
            self._control.close()
            for sibling in self._workers.values():
                os.close(sibling.pidfd)
            self._become_child(message, gate, zygote_pid)
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self, worker: Child) -> None:
        self._poll.unregister(worker.pidfd)
        _pid, status = os.waitpid(worker.pid, 0)
        os.close(worker.pidfd)
        self._control.send(messages.encode(Exited(worker.serial, os.waitstatus_to_exitcode(status))))

    def _kill_all(self) -> None:
        for worker in self._workers.values():
            signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
        for worker in self._workers.values():
            os.waitpid(worker.pid, 0)
