"""What a server over HTTP says when it starts: the token to a terminal alone, else where it is kept."""

import io
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.broker.log import open_log
from filewarden.config.settings import Settings
from filewarden.transports.http_door import Opened, announce

SECRET = "s3cret-s3cret-s3cret"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("has_file", [True, False])
@pytest.mark.parametrize("stderr", [Terminal, io.StringIO])
def test_the_token_is_shown_to_a_terminal_and_in_no_log(
    stderr: type[io.StringIO], has_file: bool, log_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log"
    sections: dict[str, Any] = {"log": {"format": log_format, "file": str(file) if has_file else ""}}
    settings = msgspec.convert(sections, Settings)
    monkeypatch.setattr(sys, "stderr", shown := stderr())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        opened = Opened(
            sockets=[listening],
            are_handed_over=False,
            pages_sockets=[],
            token=SECRET,
            token_path="/state/token",
            sealing_keys=(),
            tokens={"ci": b"digest"},
            tokens_folder="/state/tokens",
            issuer_keys=None,
        )
        announce(settings, opened, open_log(str(file), level="info", log_format=log_format))
        port = listening.getsockname()[1]
    logged, said = file.read_text(), shown.getvalue()
    assert SECRET not in logged
    assert (SECRET in said) == shown.isatty()
    assert ("Token file: /state/token" in said + logged) == (not shown.isatty())
    for part in (f"listens on http://127.0.0.1:{port}/mcp", "a file each in /state/tokens: ci"):
        assert part in said + logged
