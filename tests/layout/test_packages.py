"""The packages that are shipped, and what they may need at start."""

import ast
import json
import subprocess
import sys
import tomllib
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from filewarden.config.version import VERSION
from filewarden.transports.preload import LATE_IMPORTS

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("broker", "config", "transports", "workers")

START_MAY_NOT_IMPORT = {
    "argparse",
    "asyncio",
    "dataclasses",
    "hashlib",
    "http",
    "inspect",
    "ipaddress",
    "json",
    "logging",
    "pathlib",
    "platform",
    "prometheus_client",
    "re2",
    "psutil",
    "shutil",
    "ssl",
    "starlette",
    "subprocess",
    "tempfile",
    "tomllib",
    "traceback",
    "urllib",
    "uvicorn",
    "uvloop",
    "watchfiles",
    "zmq",
}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_with_modules_is_a_listed_package() -> None:
    folders = {
        "filewarden." + str(init.parent.relative_to(ROOT)).replace("/", ".")
        for package in PACKAGES
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert folders == set(project()["tool"]["setuptools"]["packages"])


def test_every_folder_with_modules_has_an_init() -> None:
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


def test_every_init_holds_a_docstring_and_nothing_else() -> None:
    for package in PACKAGES:
        for init in (ROOT / package).rglob("__init__.py"):
            body = ast.parse(init.read_text()).body
            assert len(body) == 1
            assert isinstance(body[0], ast.Expr)


def test_the_typing_tree_links_each_package() -> None:
    for package in PACKAGES:
        assert (ROOT / ".typing" / "filewarden" / package).resolve() == ROOT / package
        assert (ROOT / package / "py.typed").exists()


def test_the_version_is_the_package_s() -> None:
    assert project()["project"]["version"] == VERSION


STDIO = """
import json, sys
before = set(sys.modules)
import filewarden.transports.cli, filewarden.broker.launch
from filewarden.config.first_imports import begin
begin("none")
import filewarden.transports.serve, filewarden.transports.assembly, filewarden.transports.stdio
import filewarden.workers.catalogue
from filewarden.config.load import load
load([sys.argv[1]], {"HOME": "/nonexistent"})
print(json.dumps(sorted(set(sys.modules) - before - {"json"})))
"""
UNTIL_THE_LAUNCHER_IS_TOLD = """
import json, sys
import filewarden.transports.serve
print(json.dumps([name.removeprefix("filewarden.") for name in sys.modules if name.startswith("filewarden.")]))
"""
LAUNCH = """
import sys
before = set(sys.modules)
import filewarden.transports.cli, filewarden.transports.stop_signals, filewarden.transports.starter
import filewarden.broker.launch
names = sorted(set(sys.modules) - before)
import json
print(json.dumps(names))
"""
ZYGOTE = """
import sys
before = set(sys.modules)
import filewarden.workers.launcher
names = sorted(set(sys.modules) - before)
import json
print(json.dumps(names))
"""

WORKER = """
import json, sys
import filewarden.workers.zygote, filewarden.workers.worker
filewarden.workers.zygote._import_worker_side(filewarden.workers.zygote.NOT_FOR_WORKERS)
print(json.dumps(sorted(sys.modules)))
"""


HTTP = """
import json, sys
import filewarden.transports.http_server, uvicorn.lifespan.off
print(json.dumps(sorted(sys.modules)))
"""
UVICORN = """
import filewarden.transports.http_server, uvicorn, uvicorn.config
assert uvicorn.Config is uvicorn.config.Config
print(uvicorn.__name__, callable(uvicorn.run))
"""


def _imported(code: str, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    found: set[str] = {name.partition(".")[0] for name in json.loads(done.stdout)}
    return found


def test_the_way_to_a_first_answer_on_stdio_imports_nothing_heavy(tmp_path: Path) -> None:
    assert not _imported(STDIO, str(tmp_path)) & START_MAY_NOT_IMPORT


def test_the_launcher_is_told_what_is_served_before_most_of_the_server_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", UNTIL_THE_LAUNCHER_IS_TOLD], capture_output=True, check=True, timeout=30
    )
    imported = set(json.loads(done.stdout))
    assert {"config.load", "workers.profile", "transports.surroundings"} <= imported
    assert imported.isdisjoint({"broker.broker", "broker.dispatcher", "broker.protocol.messages", "transports.stdio"})


def test_a_server_over_http_loads_no_command_line_of_uvicorn_and_nothing_for_metrics() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", HTTP], capture_output=True, check=True, timeout=30)
    unwanted = {
        "uvicorn.main",
        "uvicorn.supervisors",
        "watchfiles",
        "prometheus_client",
        "starlette.routing",
        "anyio.abc",
    }
    assert unwanted.isdisjoint(json.loads(done.stdout))


def test_uvicorn_is_whole_for_whoever_asks_for_it() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", UVICORN], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "uvicorn True\n"


def test_the_launcher_is_started_before_anything_else_is_imported() -> None:
    assert _imported(LAUNCH) <= {"_signal", "_socket", "filewarden"}


def test_the_launcher_imports_next_to_nothing() -> None:
    assert _imported(ZYGOTE) <= {"_signal", "_socket", "filewarden", "time"}


def test_workers_have_no_zeromq_library() -> None:
    """Nor what starts threads or loops of its own: they speak its protocol over one plain socket."""
    assert _imported(WORKER).isdisjoint({"asyncio", "multiprocessing", "pickle", "zmq"})


def _late_imports(module: Path) -> set[str]:
    tree = ast.parse(module.read_text())
    found = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module)
    return found


SERVING = [
    *sorted((ROOT / "broker").rglob("*.py")),
    *(ROOT / "transports" / name for name in ("confinement.py", "control.py", "outlet.py", "stdio.py", "lines.py")),
    *(ROOT / "workers" / name for name in ("arguments.py", "allocator.py", "catalogue.py", "schemas.py", "wire.py")),
]
BEFORE_THE_CHANGE = {"grp", "pwd", "filewarden.broker.own_link", "filewarden.broker.zmq_link"}
NOT_ON_LINUX = {"msvcrt", "psutil"}


@pytest.mark.parametrize("module", SERVING, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_front_end_imports_late_is_loaded_before_it_gives_its_rights_up(module: Path) -> None:
    assert _late_imports(module) <= set(LATE_IMPORTS) | set(
        sys.builtin_module_names
    ) | BEFORE_THE_CHANGE | NOT_ON_LINUX | {
        "fcntl",
        "gc",
    }


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_the_built_wheel_holds_every_module_and_runs_in_an_environment_of_its_own(tmp_path: Path, tree: Path) -> None:
    run = partial(subprocess.run, check=True, capture_output=True, text=True, timeout=200)
    run([sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)])
    (wheel,) = tmp_path.glob("*.whl")
    assert list(tmp_path.glob("*.tar.gz"))
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert shipped == {
        f"filewarden/{module.relative_to(ROOT)}" for package in PACKAGES for module in (ROOT / package).rglob("*.py")
    }
    place = tmp_path / "environment"
    run([sys.executable, "-m", "venv", str(place)])
    run([str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", str(wheel)])
    done = run([str(place / "bin" / "filewarden"), "demo", str(tree)], cwd=tmp_path)
    assert "claims held" in done.stdout
    names = sorted(module.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for module in shipped)
    names = [name for name in names if not name.endswith("__main__")]
    imports = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    for order in (names, names[::-1]):  # each before and after those that it needs
        run([str(place / "bin" / "python"), "-I", "-c", imports, *order])
