"""A home folder, a folder to serve, and ways to load and to be refused."""

import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.config.load import Loaded, load

NOBODY = 65534

Load = Callable[..., Loaded]
Refuse = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "alice"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], str]:
    """Writes a configuration file beside the project and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def loaded(home: Path, project: Path, toml: Callable[[str], str]) -> Load:
    """Loads with the project as root unless `rootless`; keywords are variables, `text` is the file."""

    def run(*arguments: str, text: str | None = None, rootless: bool = False, **environ: str) -> Loaded:
        words: list[str] = [] if rootless else ["--root", str(project)]
        if text is not None:
            words += ["--config", toml(text)]
        return load([*words, *arguments], {"HOME": str(home), **environ})

    return run


@pytest.fixture
def refused(loaded: Load) -> Refuse:
    """Loads like `loaded`, and returns the text of the ConfigError that must come."""

    def run(*arguments: str, text: str | None = None, rootless: bool = False, **environ: str) -> str:
        with pytest.raises(ConfigError) as caught:
            loaded(*arguments, text=text, rootless=rootless, **environ)
        return str(caught.value)

    return run


@pytest.fixture
def unprivileged() -> Callable[[Callable[[], bool]], bool]:
    """Runs a check in a child that is not root and returns what it returned; False when it raised."""

    def run(check: Callable[[], bool]) -> bool:
        child = os.fork()
        if child == 0:
            held = False
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setresgid(NOBODY, NOBODY, NOBODY)
                    os.setresuid(NOBODY, NOBODY, NOBODY)
                held = check()
            except BaseException:  # the child must never return into pytest
                traceback.print_exc()
            finally:
                os._exit(0 if held else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    return run


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that any user reaches, unlike `tmp_path`, whose parents are private."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)
