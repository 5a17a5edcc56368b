"""What `filewarden client` writes, read by the programs that it is for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import node_folder

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

OURS = "from filewarden.transports.cli import main; raise SystemExit(main())"


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with Node and the clients' own programs; installed at first need."""
    return node_folder(Path(__file__).parent / "programs")


@pytest.fixture
def environ(tmp_path: Path, programs: Path) -> dict[str, str]:
    """A user who has just installed the client; nobody is told of it."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "HOME": str(home),
        "CODEX_HOME": str(home),
        "PATH": f"{programs / 'bin'}:{os.environ['PATH']}",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "FILEWARDEN_TOKEN": "unknown-to-any-server",
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def codex(programs: Path) -> list[str]:
    return [str(programs / "node_modules" / ".bin" / "codex")]


def claude(programs: Path) -> list[str]:
    """The package's own command is a stub until its install script has run, and none is allowed to."""
    return [str(programs / "bin" / "node"), str(programs / "node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs")]


def importer(programs: Path) -> list[str]:
    """A program that takes over servers from other clients' files, each from its own place."""
    return [str(programs / "bin" / "node"), str(programs / "node_modules/mcporter/dist/cli.js")]


def install(environ: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OURS, "client", *arguments, "--install", "--yes"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def run(environ: dict[str, str], program: list[str], *arguments: str) -> str:
    done = subprocess.run([*program, *arguments], env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_codex_reads_both_entries(environ: dict[str, str], programs: Path, project: Path) -> None:
    install(environ, "codex", str(project))
    install(environ, "codex", "--http", "--port", "9321", "--name", "shared")
    listed = {
        one["name"]: one["transport"] for one in json.loads(run(environ, codex(programs), "mcp", "list", "--json"))
    }
    assert listed["files"]["type"] == "stdio"
    assert listed["files"]["args"][-2:] == ["serve", str(project)]
    assert listed["shared"]["url"] == "http://127.0.0.1:9321/mcp"
    assert listed["shared"]["bearer_token_env_var"] == "FILEWARDEN_TOKEN"


def test_claude_code_starts_the_server_and_speaks_to_it(environ: dict[str, str], programs: Path, project: Path) -> None:
    install(environ, "claude-code", str(project))
    shown = run(environ, claude(programs), "mcp", "get", "files")
    assert "Connected" in shown
    assert str(project) in shown


@pytest.mark.parametrize("client", ["cursor", "vscode", "windsurf"])
def test_a_program_that_reads_other_clients_files_finds_both_entries(
    client: str, environ: dict[str, str], programs: Path, project: Path
) -> None:
    install(environ, client, str(project))
    install(environ, client, "--http", "--port", "9321", "--name", "shared")
    shown = json.loads(run(environ, importer(programs), "config", "list", "--json", "--source", "import"))
    found = {one["name"]: one for one in shown["servers"] if one["source"].get("importKind") == client}
    assert (found["files"]["transport"], found["files"]["args"][-2:]) == ("stdio", ["serve", str(project)])
    assert (found["shared"]["transport"], found["shared"]["baseUrl"]) == ("http", "http://127.0.0.1:9321/mcp")
    assert found["shared"]["headers"]["Authorization"].startswith("Bearer ${")
