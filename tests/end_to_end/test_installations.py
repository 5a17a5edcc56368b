"""Places where a package can be installed: wherever a command of ours runs from, all of its processes find it."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
PYTHON: str = getattr(sys, "_base_executable", sys.executable)
"""One that is of no environment: those do not look where users install."""
CODE = "from filewarden.transports.cli import main; raise SystemExit(main())"

pytestmark = pytest.mark.integration


def install_in(folder: Path) -> None:
    for part in ("broker", "config", "transports", "workers"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / part, folder / "filewarden" / part, ignore=ignored)


@pytest.fixture(params=["for one user", "in a folder that the environment names"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """With the product's modules copied there, and all others where they are."""
    bare = {"PATH": os.defpath, "HOME": str(tmp_path)}
    others = sysconfig.get_path("purelib")
    if request.param != "for one user":
        install_in(tmp_path / "añadido")
        return {**bare, "PYTHONPATH": os.pathsep.join((str(tmp_path / "añadido"), others))}
    environ = {**bare, "PYTHONUSERBASE": str(tmp_path / "user")}
    asked = subprocess.run(
        [PYTHON, "-m", "site", "--user-site"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    folder = Path(asked.stdout.strip())
    install_in(folder)
    (folder / "others.pth").write_text(others + "\n")
    return environ


def test_a_server_finds_its_parts(environ: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").write_text("alpha\n")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    call = {"name": "read_file", "arguments": {"path": "a.txt"}}
    asked = [{"id": 0, "method": "initialize", "params": hello}, {"id": 1, "method": "tools/call", "params": call}]
    server = subprocess.run(
        [PYTHON, "-c", CODE, "serve", str(root)],
        input="".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in asked),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environ,
        timeout=60,
        check=False,
    )
    assert server.returncode == 0, server.stderr
    assert json.loads(server.stdout.splitlines()[-1])["result"]["content"] == [{"type": "text", "text": "alpha\n"}]


def test_a_server_of_the_demonstration_is_found(environ: dict[str, str]) -> None:
    code = "from filewarden.transports.demo.server import COMMAND; import os; "
    code += "os.execv(COMMAND[0], [*COMMAND[:-1], '--version'])"
    shown = subprocess.run([PYTHON, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("filewarden ")
