"""The roots as resources, through real workers, for a client of each era."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Json = dict[str, Any]
Start = Callable[..., Any]
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
REVISIONS = ["2024-11-05", "2026-07-28"]
NOT_FOUND = {"2024-11-05": -32002, "2026-07-28": -32602}


class Client:
    """A client of one revision on a server's stdio."""

    def __init__(self, server: Any, revision: str) -> None:
        self._server = server
        self._meta = {"_meta": ENVELOPE} if revision == "2026-07-28" else {}
        if not self._meta:
            server.initialize(revision)

    def ask(self, method: str, **params: object) -> Json:
        answer: Json = self._server.request(method, {**params, **self._meta})
        return answer

    def get(self, method: str, **params: object) -> Json:
        result: Json = self.ask(method, **params)["result"]
        return result


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(start_server: Start, tree: Path, revision: str) -> Client:
    (tree / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (tree / "denied").mkdir()
    (tree / "denied" / "x.txt").write_text("secret")
    (tree / "large.log").write_text("x" * 5000)
    config = tree.parent / "filewarden.toml"
    config.write_text(f'[[roots]]\npath = "{tree}"\ndeny = ["denied"]\n[limits]\nmax_file_bytes = 4096\n')
    config.chmod(0o600)
    return Client(start_server("--config", str(config), roots=()), revision)


def test_files_and_folders_are_listed_and_read(client: Client, revision: str, tree: Path) -> None:
    listed = client.get("resources/list")
    base = tree.resolve().as_uri()
    assert [each["uri"] for each in listed["resources"]] == [
        base,
        *(f"{base}/{name}" for name in ("README.md", "data", "large.log", "notes.txt", "picture.png", "src")),
    ]
    assert {"ttlMs": 0, "cacheScope": "private"}.items() <= listed.items() or revision == "2024-11-05"
    (text,) = client.get("resources/read", uri=f"{base}/notes.txt")["contents"]
    assert text == {"uri": f"{base}/notes.txt", "mimeType": "text/plain", "text": "Some notes here.\n"}
    (picture,) = client.get("resources/read", uri=f"{base}/picture.png")["contents"]
    assert base64.b64decode(picture["blob"]) == (tree / "picture.png").read_bytes()
    (folder,) = client.get("resources/read", uri=f"{base}/src")["contents"]
    assert (folder["mimeType"], folder["text"]) == ("inode/directory", "main.py\nutils.py\n")


def test_what_cannot_be_read_looks_the_same(client: Client, revision: str, tree: Path) -> None:
    (tree / "out").symlink_to("/etc/passwd")
    base = tree.resolve().as_uri()
    for uri in (
        f"{base}/none.txt",
        f"{base}/denied/x.txt",
        f"{base}/denied/none.txt",
        f"{base}/out",
        f"{base}/../outside",
        f"{base}/..%2foutside",
        "file:///etc/passwd",
        "file://evil.test/a",
        "https://evil.test/a",
        "",
    ):
        error = client.ask("resources/read", uri=uri)["error"]
        assert error == {"code": NOT_FOUND[revision], "message": "Resource not found", "data": {"uri": uri}}


def test_a_large_file_is_a_clear_error(client: Client, tree: Path) -> None:
    error = client.ask("resources/read", uri=(tree / "large.log").resolve().as_uri())["error"]
    assert error["code"] == -32602
    assert "read_file" in error["message"]
    assert error["data"] == {"code": "too_large", "size": 5000, "limit": 4096}


def test_a_template_is_completed_and_read(client: Client, tree: Path) -> None:
    (template,) = client.get("resources/templates/list")["resourceTemplates"]
    assert template["uriTemplate"] == f"{tree.resolve().as_uri()}/{{+path}}"
    reference = {"type": "ref/resource", "uri": template["uriTemplate"]}

    def complete(value: str, name: str = "path") -> Json:
        return client.ask("completion/complete", ref=reference, argument={"name": name, "value": value})

    assert complete("src/m")["result"]["completion"] == {"values": ["src/main.py"], "total": 1, "hasMore": False}
    uri = template["uriTemplate"].replace("{+path}", "src/main.py")
    assert client.get("resources/read", uri=uri)["contents"][0]["text"] == "print('hello')\n"
    for value in ("../", "denied/", "den", "/etc/"):
        assert complete(value)["result"]["completion"] == {"values": [], "total": 0, "hasMore": False}
    assert complete("", name="other")["error"]["code"] == -32602


def test_a_long_list_comes_in_pages_with_sealed_cursors(client: Client, tree: Path) -> None:
    for number in range(150):
        (tree / f"f{number:03}").touch()
    first = client.get("resources/list")
    second = client.get("resources/list", cursor=first["nextCursor"])
    names = [each["name"] for each in first["resources"] + second["resources"]]
    assert len(names) == len(set(names)) == 157
    assert "nextCursor" not in second
    for forged in ("", "x", first["nextCursor"][:-2], first["nextCursor"].swapcase(), base64.b64encode(b"\x92\0\0")):
        cursor = forged if isinstance(forged, str) else forged.decode()
        assert client.ask("resources/list", cursor=cursor)["error"]["code"] == -32602


def test_several_roots_have_addresses_of_their_own(start_server: Start, tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    other.chmod(0o755)
    (other / os.fsdecode(b"\xff.txt")).write_text("odd")
    client = Client(start_server(roots=(str(tree), str(other))), "2026-07-28")
    base = other.resolve().as_uri()
    assert f"{base}/%FF.txt" in [each["uri"] for each in client.get("resources/list")["resources"]]
    assert client.get("resources/read", uri=f"{base}/%FF.txt")["contents"][0]["text"] == "odd"
    assert len(client.get("resources/templates/list")["resourceTemplates"]) == 2
