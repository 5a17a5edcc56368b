"""The zygote: a process that has imported everything a worker may need, and forks workers on request.

It is single-threaded, has no link, and reads only the launcher's profile and the front-end's spawn messages.
It imports and calls every lazy path once, settles in the place where its workers will live, and only then forks
workers, each of which confines itself.
"""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import gc
import os
import select
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from filewarden.workers import attached, profile as messages
from filewarden.workers.allocator import tune_allocator
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.confine import landlock, seccomp
from filewarden.workers.confine.limits import be_an_early_victim
from filewarden.workers.confine.namespaces import Isolation
from filewarden.workers.confine.privileges import die_with_parent, set_process_name
from filewarden.workers.errors import ToolFailure
from filewarden.workers.place import Place, UnfitError, settle
from filewarden.workers.plugins.refusal import PluginError
from filewarden.workers.profile import CONTROL_BYTES, SPAWN_FDS, Exited, Profile, Spawn, Spawned, Unusable
from filewarden.workers.rules.protection import protection
from filewarden.workers.slices import ANSWERING_S, set_slice

if TYPE_CHECKING:
    from filewarden.config.startup_cache import StartupCache

NOT_FOR_WORKERS = (
    "__main__",
    ".audit",
    ".doctor",
    ".doctor_attacks",
    ".methods",
    ".notices",
    ".plugins",
    ".probe",
    ".tools",
    ".watch_wire",
    ".watched",
    ".watcher",
)
"""The catalogue loads tools and methods."""
NOT_FOR_READERS = (
    *NOT_FOR_WORKERS,
    *(
        ".changes",
        ".confirmation",
        ".file_lock",
        ".history",
        ".leftovers",
        ".steps",
        ".text_file",
        ".waiting",
        ".writing",
    ),
)
STANDARD_MODULES = ("base64", "binascii", "hashlib", "resource", "unicodedata")
MORE_FOR_PLUGINS = ("encodings.idna", "linecache", "stringprep", "traceback")
"""What the standard library itself imports late, where somebody else's code may lead it."""


BecomeChild = Callable[[Spawn, list[int], int], None]
"""Live as a child of this zygote: its spawn message, the descriptors that came with it, of which the first is its start
gate, and the zygote's process id as it sees it."""


class Child:
    """A child of this zygote: its serial number and the descriptor that tells when it is gone."""

    def __init__(self, serial: int, pid: int, pidfd: int) -> None:
        self.serial = serial
        self.pid = pid
        self.pidfd = pidfd


def serve(
    control: attached.Socket, isolation: Isolation, catalogue: Catalogue, startup_cache: "StartupCache | None" = None
) -> None:
    """Serve spawn messages until the front-end closes `control` or dies; then kill every worker and return.

    Modules come from the `startup_cache` until all that every role needs are there.
    """
    parent_pid = os.getppid()  # 0 when it is in another process id namespace
    die_with_parent(parent_pid)
    set_process_name("fw-zygote")
    _import_worker_side(NOT_FOR_READERS)
    readers = catalogue.offered(scan=True, write=False)
    readers.load()
    tune_allocator(single_arena=True)
    set_slice(0, ANSWERING_S)
    landlock.abi()
    seccomp.program("ro")  # for the one that is started before it has a profile; it has the time
    if startup_cache is not None:
        startup_cache.close()
    be_an_early_victim()
    data = control.recv(CONTROL_BYTES)
    if not data:
        return
    profile = messages.decode_profile(data)
    seccomp.program(profile.role)
    try:
        child = _child(profile, catalogue if profile.role == "rw" else readers)
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
    gc.freeze()  # without a look at all of it, of which next to nothing is garbage
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
        _import(MORE_FOR_PLUGINS)
        catalogue = with_plugins(catalogue, profile.plugins)
    if profile.role == "rw":
        _import_worker_side(NOT_FOR_WORKERS)
        catalogue.load()
        protection(profile.writes.protected)  # a glob that is none is found here, and every worker finds them compiled
    return lambda place: Worker(catalogue, profile, place).run  # made here, so that no child has to


def _refuse(control: attached.Socket, reason: str) -> None:
    """Say why, and wait to be left: with a spawn message unread, an end from here would reach the other side first."""
    control.send(messages.encode(Unusable(reason)))
    while control.recv(CONTROL_BYTES):
        pass


def _import_worker_side(but: tuple[str, ...]) -> None:
    """Import what workers import at first need: after the change of account and the confinement nothing can be."""
    import filewarden.workers as package

    _import(STANDARD_MODULES)
    _import_all(package, but)


def _import(names: tuple[str, ...]) -> None:
    import importlib

    for name in names:
        importlib.import_module(name)


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

    def __init__(self, control: attached.Socket, become_child: BecomeChild) -> None:
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
        data, fds = attached.receive(self._control, CONTROL_BYTES, SPAWN_FDS)
        if not data:
            return False
        self._spawn(messages.decode_spawn(data), fds)
        return True

    def _spawn(self, message: Spawn, fds: list[int]) -> None:
        gc.collect()
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            self._live_as_child(message, fds)
        for fd in fds:
            os.close(fd)
        worker = Child(message.serial, pid, os.pidfd_open(pid))
        self._workers[worker.pidfd] = worker
        self._poll.register(worker.pidfd, select.POLLIN)
        attached.send(self._control, messages.encode(Spawned(message.serial, pid)), worker.pidfd)

    def _live_as_child(self, message: Spawn, fds: list[int]) -> None:
        zygote_pid = os.getppid()
        status = 1
        try:
            self._control.close()
            for sibling in self._workers.values():
                os.close(sibling.pidfd)
            self._become_child(message, fds, zygote_pid)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def _reap(self, worker: Child) -> None:
        self._poll.unregister(worker.pidfd)
        _pid, status = os.waitpid(worker.pid, 0)
        os.close(worker.pidfd)
        self._control.send(messages.encode(Exited(worker.serial, os.waitstatus_to_exitcode(status))))

    def _kill_all(self) -> None:
        for worker in self._workers.values():
            _signal.pidfd_send_signal(worker.pidfd, _signal.SIGKILL)
        for worker in self._workers.values():
            os.waitpid(worker.pid, 0)
