"""Modules are found after a change of account, also where only root can enter their folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import held
from filewarden.broker.account import Account, become
from filewarden.transports.libraries import can_import_later, hold_libraries, libraries

account = Account(65534, 65534)
found = {"can hold": hold_libraries(account)}
become(account)
for name in ("held.later", "beside"):
    try:
        __import__(name)
        found[name] = sys.modules[name].VALUE
    except ImportError as error:
        found[name] = type(error).__name__
    except OSError as error:
        found[name] = type(error).__name__
found["by path"] = os.access(sys.argv[1], os.F_OK)
found["named"] = sys.argv[1] in map(os.path.realpath, libraries(["/srv"]))
found["is later"] = [can_import_later([sys.argv[1]]), can_import_later(["/nonexistent"])]
print(json.dumps(found))
"""


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder of modules below one that only its owner can enter."""
    folder = tmp_path / "private" / "modules"
    (folder / "held").mkdir(parents=True)
    (folder / "held" / "__init__.py").touch()
    (folder / "held" / "later.py").write_text("VALUE = 'found'\n")
    (folder / "beside.py").write_text("VALUE = 'found'\n")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.parent.chmod(0o700)
    return folder


def found(private: Path) -> dict[str, object]:
    environ = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(private)],
        env=environ, capture_output=True, text=True, check=True, timeout=30, cwd="/",
    )  # fmt: skip
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its account")
def test_modules_are_found_by_what_was_held_open(private: Path) -> None:
    assert found(private) == {
        "can hold": True,
        "held.later": "found",
        "beside": "found",
        "by path": False,
        "named": True,
        "is later": [False, True],
    }


def test_folders_that_are_served_are_no_place_to_import_from_later(private: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from filewarden.transports.libraries import can_import_later, libraries\n"
        "print(can_import_later([sys.argv[1] + '/held']), can_import_later(['/nonexistent']),"
        " sys.argv[1] in libraries([sys.argv[1]]), sys.argv[1] in libraries(['/nonexistent']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(private)], capture_output=True, text=True, check=True, timeout=30, cwd="/"
    )
    assert done.stdout.split() == ["False", "True", "False", "True"]
    shutil.rmtree(private)
