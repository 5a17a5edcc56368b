"""The ways in which people install: uv's own run, and the bundle that clients open; each is asked by a real client."""

import asyncio
import json
import os
import shutil
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

REPOSITORY = Path(__file__).parent.parent.parent
INSTALL_S = 240

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(INSTALL_S + 60)]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With uv, a home of its own, and its cache and environments out of the repository."""
    scripts = sysconfig.get_path("scripts")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("FILEWARDEN", "VIRTUAL_ENV"))},
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(REPOSITORY / ".cache" / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clean copy: uv leaves files beside what it builds."""
    copy = tmp_path / "source"
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "-z"], capture_output=True, timeout=30, check=True
    ).stdout
    for name in listed.decode().split("\0"):
        if name.startswith(("broker/", "workers/", "transports/", "config/")) or "/" not in name.strip():
            place = copy / name
            if name and (REPOSITORY / name).is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, place)
    return copy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "greeting.txt").write_text("hello\n")
    return root


async def greeting(command: str, arguments: list[str], environ: dict[str, str]) -> str:
    server = StdioServerParameters(command=command, args=arguments, env=environ)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        result = await session.call_tool("read_file", {"path": "greeting.txt"})
        return str(getattr(result.content[0], "text", ""))


def uv(environ: dict[str, str]) -> str:
    program = shutil.which("uv", path=environ["PATH"])
    if program is None:
        assert not os.environ.get("CI"), "uv is among the development packages and not here"
        pytest.skip("there is no uv for this machine")
    return program


def test_uvx_runs_it_without_installing(environ: dict[str, str], source: Path) -> None:
    done = subprocess.run(
        [uv(environ), "tool", "run", "--from", str(source), "filewarden", "--version"],
        env=environ, capture_output=True, text=True, timeout=INSTALL_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("filewarden ")


def test_the_bundle_unpacks_and_serves_the_chosen_folder(environ: dict[str, str], folder: Path, tmp_path: Path) -> None:
    bundle, place = tmp_path / "filewarden.mcpb", tmp_path / "unpacked"
    made = subprocess.run(
        [str(REPOSITORY / "scripts" / "bundle"), str(bundle)], capture_output=True, text=True, timeout=INSTALL_S
    )
    assert made.returncode == 0, made.stderr
    assert "Manifest schema validation passes" in made.stderr
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(place)
    launch = json.loads((place / "manifest.json").read_text())["server"]["mcp_config"]
    assert launch["command"] == "uv"
    given = {"${__dirname}": str(place), "${user_config.folders}": str(folder)}
    arguments = [given.get(word, word) for word in launch["args"]]
    assert asyncio.run(greeting(uv(environ), arguments, environ)) == "hello\n"
