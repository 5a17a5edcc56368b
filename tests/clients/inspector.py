"""The official Inspector: its command line, and `mcpdo` of the same package, which can be asked things."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec

COMMAND_S = 30
KINDS = {"stdio": "stdio", "http": "streamable-http", "sse": "sse"}
IS_ERROR = 5
"""How the command line ends when a tool's result is an error."""


class Inspector(msgspec.Struct, frozen=True):
    """Both programs, in a home of their own, against servers named in a file."""

    packages: Path
    home: Path
    era: str

    def set_up(self, transport: str, servers: dict[str, dict[str, object]]) -> None:
        """Write the file that names the servers."""
        self.home.mkdir(exist_ok=True)
        named = {name: {"type": KINDS[transport], **server} for name, server in servers.items()}
        self._config.write_text(json.dumps({"mcpServers": named}))

    def ask(self, method: str, *options: str, exit_status: int = 0) -> Any:
        """One request to the product by the command line; its result."""
        place = ["--config", str(self._config), "--server", "product", "--protocol-era", self.era]
        command = ["--cli", *place, "--format", "json", "--quiet", "--method", method, *options]
        return json.loads(self._run("inspector", *command, exit_status=exit_status).stdout)["result"]

    def elicit(self, answer: str) -> Any:
        """Call the fixture server's asking tool and answer with `mcpdo`; its result."""
        asked = self._mcpdo("@fixture", "tools/call", "test_elicitation", "message:=Who are you?")
        question = asked["elicitationPending"]["elicitationId"]
        answers = ["--decline"] if answer == "decline" else ["username:=ada", "email:=ada@example.org"]
        return self._mcpdo("elicitation/respond", question, *answers)

    def connect(self) -> str:
        """Connect to the fixture server; the era that was found."""
        found = self._mcpdo("connect", "--config", str(self._config), "--server", "fixture", "--era", self.era)
        return str(found["protocolEra"])

    def close(self) -> None:
        """End what `mcpdo` has left running."""
        self._run("mcpdo", "daemon", "stop", exit_status=None)

    @property
    def _config(self) -> Path:
        return self.home / "servers.json"

    def _mcpdo(self, *arguments: str) -> Any:
        return json.loads(self._run("mcpdo", "--format", "json", *arguments).stdout)

    def _run(self, program: str, *arguments: str, exit_status: int | None = 0) -> "subprocess.CompletedProcess[str]":
        environ = {
            "HOME": str(self.home),
            "PATH": os.defpath,
            "MCP_INSPECTOR_DAEMON_DIR": str(self.home / "daemon"),
            "MCP_INSPECTOR_DAEMON_TOKEN": "for-this-test-alone",
            "MCP_INSPECTOR_SECRET_STORE": "file",
        }
        done = subprocess.run(
            [str(self.packages / "bin" / "node"), str(self.packages / "node_modules" / ".bin" / program), *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            stdin=subprocess.DEVNULL,
            env=environ,
        )
        assert exit_status in (None, done.returncode), f"{program} {arguments}: {done.stdout}{done.stderr}"
        return done
