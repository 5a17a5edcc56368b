"""An installation of its own, whose server is started again and again."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
ASKED: list[dict[str, Any]] = [
    {
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    },
    {"method": "notifications/initialized"},
    {"id": 1, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "a.txt"}}},
]

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """With the product's modules copied, and all others where they are."""
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=60)
    (packages,) = place.glob("lib/*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for part in ("broker", "config", "transports", "workers"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / part, packages / "filewarden" / part, ignore=ignored)
    return place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.txt").write_text("alpha\n")
    return tmp_path / "root"


def answers(environment: Path, root: Path, *options: str, more: dict[str, str] | None = None) -> list[str]:
    code = "import sys; from filewarden.transports.cli import main; sys.exit(main())"
    server = subprocess.run(
        [str(environment / "bin" / "python"), *options, "-c", code, "serve", str(root)],
        input="".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in ASKED),
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "HOME": str(root.parent), **(more or {})},
        timeout=60,
        check=False,
    )
    assert server.returncode == 0, server.stderr
    by_id = {each["id"]: each for each in map(json.loads, server.stdout.splitlines())}
    return [block["text"] for block in by_id[1]["result"]["content"]]


def caches(environment: Path) -> dict[str, tuple[int, int]]:
    found = environment.glob("lib/*/site-packages/filewarden/config/__pycache__/start_of_*")
    return {path.name.partition(".")[0]: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def spoil(source: Path) -> None:
    """Make a module one that cannot be imported, without a sign of it."""
    state = source.stat()
    source.write_bytes(b"raise SystemExit".ljust(state.st_size))
    os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
    for kept in (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"):
        kept.unlink()


def test_what_was_imported_once_is_read_at_once_by_the_next_start(environment: Path, root: Path) -> None:
    assert answers(environment, root, "-B") == ["alpha\n"]
    assert caches(environment) == {}
    assert answers(environment, root) == ["alpha\n"]
    first = caches(environment)
    assert first.keys() == {"start_of_front_end", "start_of_zygote"}
    (package,) = environment.glob("lib/*/site-packages/filewarden")
    for module in ("broker/dispatcher.py", "config/settings.py", "workers/worker.py", "workers/wire.py"):
        spoil(package / module)
    assert answers(environment, root) == ["alpha\n"]
    assert caches(environment) == first


PLUGIN = """
from filewarden.workers.plugins.api import tool

@tool
def pass_on() -> str:
    \"\"\"Say something that is nobody else's business.\"\"\"
    return "a secret of the plugin"
"""


def test_a_plugin_is_not_kept_with_the_code_of_the_installation(environment: Path, root: Path) -> None:
    """It may be readable to its owner alone, and be wanted no longer by the next start."""
    own = root.parent / "own.py"
    own.write_text(PLUGIN)
    (packages,) = environment.glob("lib/*/site-packages")
    (packages / "installed_plugin.py").write_text(PLUGIN.replace("pass_on", "pass_by"))
    plugins = f"{own},installed_plugin"
    assert answers(environment, root, more={"FILEWARDEN_TOOLS_PLUGINS": plugins}) == ["alpha\n"]
    assert caches(environment).keys() == {"start_of_front_end", "start_of_zygote"}
    for path in (packages / "filewarden" / "config" / "__pycache__").glob("start_of_*"):
        assert b"a secret of the plugin" not in path.read_bytes()


def test_all_processes_of_a_server_keep_their_code_where_python_is_told_to(environment: Path, root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    assert answers(environment, root, more={"PYTHONPYCACHEPREFIX": str(elsewhere)}) == ["alpha\n"]
    found = {path.name.partition(".")[0] for path in elsewhere.rglob("start_of_*")}
    assert found == {"start_of_front_end", "start_of_zygote"}
    assert not [*environment.glob("lib/*/site-packages/filewarden/**/__pycache__")]


def record(packages: Path) -> None:
    """Say of the product's modules, as an installer does, that they are installed."""
    about = packages / "filewarden-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: filewarden\nVersion: 1\n")
    (about / "INSTALLER").write_text("pip\n")
    modules = (path.relative_to(packages) for path in packages.glob("filewarden/**/*") if path.is_file())
    told = [f"filewarden-1.dist-info/{name}" for name in ("METADATA", "INSTALLER", "RECORD")]
    (about / "RECORD").write_text("".join(f"{path},,\n" for path in [*map(str, modules), *told]))


def test_it_goes_with_the_installation(environment: Path, root: Path) -> None:
    """So that an upgrade, which removes what was there, leaves no old code to be found, whatever time files have."""
    pytest.importorskip("pip")
    (packages,) = environment.glob("lib/*/site-packages")
    record(packages)
    assert answers(environment, root) == ["alpha\n"]
    assert caches(environment).keys() == {"start_of_front_end", "start_of_zygote"}
    (packages / "others.pth").unlink()
    python = str(environment / "bin" / "python")
    removed = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "--python", python, "uninstall", "--yes", "filewarden"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert removed.returncode == 0, removed.stderr
    assert [path for path in packages.glob("filewarden*/**/*") if path.is_file()] == []
