"""Section C: roots, rights and configuration."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.catalogue import CATALOGUE

pytestmark = pytest.mark.integration

SERVE = [sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())", "serve"]
TOOLS = {tool.name for tool in CATALOGUE.offered(scan=True, write=False)}


@pytest.fixture
def refuse(grounds: Callable[[], Any]) -> Callable[..., str]:
    """Start a server that must not start: exit status 2, nothing on stdout; what it says."""

    def start(*arguments: str, cwd: Path | None = None, **variables: str) -> str:
        done = subprocess.run(
            [*SERVE, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            cwd=cwd,
            env={
                "HOME": "/nonexistent",
                "PATH": os.defpath,
                "XDG_STATE_HOME": str(grounds().base / "state"),
                **variables,
            },
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr

    return start


@pytest.mark.parametrize(
    "roots",
    [
        pytest.param(["file:///", "file:///etc"], id="c01_wider"),
        pytest.param([f"file:///r{number}" for number in range(10_000)], id="c02_many"),
        pytest.param(["etc", "http://evil.test/", "file://R/../OUT", "no uri", "file://host/etc"], id="c02_junk"),
        pytest.param([], id="c03_nothing"),
    ],
)
def test_c01_c02_c03_a_client_cannot_choose_roots(client: Any, roots: list[str]) -> None:
    """The server never asks for them, so what a client says about roots changes nothing."""
    client.notify("notifications/roots/list_changed", {})
    result = {"jsonrpc": "2.0", "id": "roots-1", "result": {"roots": [{"uri": uri, "name": uri} for uri in roots]}}
    client.raw(json.dumps(result).encode(), answers=0)
    client.notify("notifications/roots/list_changed", {"roots": roots})
    for path in ("/etc/passwd", "/", "../OUT"):
        assert set(client.aim(path).values()) == {"access_denied"}
    assert client.text("small.txt") == "small text\n"


@pytest.mark.parametrize(
    "tool",
    [
        *["write_file", "edit_file", "create_directory", "delete", "delete_file", "move_file", "copy_file", "append"],
        *["Read_File", "READ_FILE", "read_file ", " read_file", "read_file\0", "list", "ls", "__class__", ""],
    ],
)
def test_c04_write_tools_and_other_spellings_do_not_exist(client: Any, ground: Any, tool: str) -> None:
    arguments = {"path": "small.txt", "content": "x", "destination": "y", "source": "small.txt"}
    answer = client.ask("tools/call", {"name": tool, "arguments": arguments})
    assert answer["error"]["code"] == -32602
    assert (ground.root / "small.txt").read_text() == "small text\n"


def test_c04_c20_only_the_reading_tools_are_listed(client: Any) -> None:
    listed = client.ask("tools/list")["result"]["tools"]
    assert {tool["name"] for tool in listed} == TOOLS
    assert all(tool["annotations"]["readOnlyHint"] for tool in listed)


@pytest.mark.parametrize("method", ["config/set", "roots/list", "server/configure", "shutdown"])
def test_c20_no_message_changes_the_servers_rights(client: Any, method: str) -> None:
    assert client.ask(method, {"level": "debug", "roots": ["/"]})["error"]["code"] == -32601


def test_c07_a_denied_object_by_every_tool(client: Any, ground: Any) -> None:
    for path in (".env", "secrets", "secrets/key.txt", "secrets/absent"):
        assert set(client.aim(path).values()) == {"access_denied"}, path
    listing = client.call("list_directory", path=".", show_hidden=True)
    assert ".env" not in str(listing)
    assert "secrets" not in str(listing)
    for pattern in ("**", "**/*", "*", ".e?v", ".env", "s*/*", "secrets/*", "**/key.txt", "[.]env"):
        for recursive in (True, False):
            found = client.data("search_files", pattern=pattern, recursive=recursive, respect_gitignore=False)
            names = {match["name"] for match in found["matches"]}
            assert not names & {".env", "key.txt"}, pattern
            assert found["total"] == len(found["matches"])


def test_c07_absent_and_present_denied_objects_look_the_same(client: Any, ground: Any) -> None:
    present, absent = client.call("read_file", path="secrets/key.txt"), client.call("read_file", path="secrets/kez.txt")
    assert str(present).replace("key", "kez") == str(absent)
    (ground.root / "d").mkdir()
    try:
        here = client.call("get_file_info", path="d/.env")
        ground.write(ground.root / "d" / ".env", "now it is there")
        assert client.call("get_file_info", path="d/.env") == here
        assert client.data("list_directory", path="d", show_hidden=True)["total"] == 0
    finally:
        (ground.root / "d" / ".env").unlink(missing_ok=True)
        (ground.root / "d").rmdir()


BROKEN = {
    "half": b'[[roots]]\npath = "/tm',
    "type": b"[pool]\nworkers = 'many'\n",
    "unknown": b"[limits]\nmax_everything = 1\n",
    "duplicate": b"[pool]\nworkers = 1\nworkers = 2\n",
    "binary": b"\x7fELF\x00\x01\xff\xfe" * 100,
    "bom16": "[pool]\nworkers = 1\n".encode("utf-16"),
    "include": b'include = "/etc/shadow"\n',
    "secret": b"root:$6$canary-of-a-shadow-file:19000:0:99999:7:::\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_c11_broken_configuration(ground: Any, refuse: Callable[..., str], name: str) -> None:
    path = ground.write(ground.base / "broken.toml", BROKEN[name])
    said = refuse("--config", str(path), str(ground.root))
    assert "broken.toml" in said
    assert "canary-of-a-shadow-file" not in said
    assert "\x00" not in said


@pytest.mark.parametrize("kind", ["empty", "huge", "folder", "missing", "device", "shadow"])
def test_c11_configuration_that_is_no_such_file(ground: Any, refuse: Callable[..., str], kind: str) -> None:
    path = ground.base / f"odd-{kind}.toml"
    match kind:
        case "empty":
            path.touch()
            assert "root" in refuse("--config", str(path))
            return
        case "huge":
            with path.open("wb") as file:
                file.truncate(100_000_000)
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/zero")
        case "shadow":
            path = Path("/etc/shadow" if os.path.exists("/etc/shadow") else "/etc/passwd")
        case _:
            assert not path.exists()
    begun = time.monotonic()
    said = refuse("--config", str(path), str(ground.root))
    assert time.monotonic() - begun < 5
    assert "root:" not in said
    assert len(said) < 2000


def test_c12_empty_allow_list(ground: Any, refuse: Callable[..., str]) -> None:
    assert "root" in refuse()
    assert "root" in refuse("--config", str(ground.write(ground.base / "empty.toml", "roots = []\n")))


@pytest.mark.parametrize("path", ["/", "/proc", "/sys", "/dev", "//", "/proc/self/root", "/dev/shm"])
def test_c13_dangerous_root(refuse: Callable[..., str], path: str) -> None:
    assert path.rstrip("/") in refuse(path)


def test_c13_a_link_to_a_dangerous_root(ground: Any, refuse: Callable[..., str]) -> None:
    for name, target in {"all": "/", "processes": "/proc"}.items():
        (ground.base / name).symlink_to(target)
        assert name in refuse(str(ground.base / name))


def test_c13_our_own_files_in_a_root_are_closed_in_every_tool(
    transport: str, launch: Callable[..., Any], grounds: Callable[[], Any], guard: Callable[..., Any]
) -> None:
    ground = grounds()
    config = ground.write(ground.root / "settings.toml", f'[[roots]]\npath = "{ground.root}"\n')
    server = guard(launch(transport, ground, "--config", str(config)), ground)
    for tool in ("read_file", "get_file_info"):
        assert server.code(tool, path="settings.toml") == "access_denied"
    assert "settings.toml" not in str(server.call("list_directory", path="."))
    assert "settings.toml" not in str(server.call("search_files", pattern="**/*"))


def test_c13_not_even_that_our_own_files_are_there_is_told(
    launch: Callable[..., Any], grounds: Callable[[], Any]
) -> None:
    ground = grounds()
    config = ground.write(ground.root / "settings.toml", f'[[roots]]\npath = "{ground.root}"\n')
    server = launch("stdio", ground, "--config", str(config))
    assert set(server.aim("settings.toml").values()) == {"access_denied"}


@pytest.mark.parametrize("order", [0, 1])
def test_c14_overlapping_roots(
    transport: str,
    launch: Callable[..., Any],
    grounds: Callable[[], Any],
    guard: Callable[..., Any],
    refuse: Callable[..., str],
    order: int,
) -> None:
    ground = grounds()
    (ground.root / "sub").mkdir(mode=0o755)
    ground.write(ground.root / "sub" / ".env", ground.canary)
    ground.write(ground.root / "sub" / "key.pem", ground.canary)
    blocks = [
        f'[[roots]]\nname = "outer"\npath = "{ground.root}"\ndeny = [".env", "secrets"]\n',
        f'[[roots]]\nname = "inner"\npath = "{ground.root}/sub"\ndeny = ["*.pem"]\n',
    ]
    config = ground.write(ground.base / "two.toml", "".join(blocks[:: 1 if order else -1]))
    ground.write(ground.root / "sub" / "small.txt", "small text\n")
    server = launch(transport, ground, "--config", str(config), opened=False)
    server.open()
    for path in ("inner/.env", "outer/sub/.env", "inner/key.pem", "outer/sub/key.pem", f"{ground.root}/sub/key.pem"):
        assert server.code("read_file", path=path) == "access_denied", path
        assert server.code("get_file_info", path=path) == "access_denied", path
    assert server.text("inner/small.txt") == "small text\n"
    assert server.code("read_file", path="inner/../small.txt") == "access_denied"
    modes = [block + f'mode = "{mode}"\n' for block, mode in zip(blocks, ("rw", "ro"), strict=True)]
    ground.write(config, "".join(modes[:: 1 if order else -1]))
    assert "read-only" in refuse("--config", str(config))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FILEWARDEN_POOL_WORKERS", "-1"),
        ("FILEWARDEN_POOL_WORKERS", "$(id)"),
        ("FILEWARDEN_SANDBOX_MODE", "OFF "),
        ("FILEWARDEN_HTTP_PORT", "99999"),
    ],
)
def test_c15_hostile_variables_of_ours(ground: Any, refuse: Callable[..., str], name: str, value: str) -> None:
    assert name in refuse(str(ground.root), **{name: value})


def test_c15_helpers_and_libraries_of_the_environment_reach_no_worker(
    transport: str, launch: Callable[..., Any], ground: Any, guard: Callable[..., Any], folder: Path
) -> None:
    marker = folder / "was-run"
    folder.chmod(0o777)
    for name in ("python3", "python", "sh", "git", "rg", "id", "uname"):
        helper = folder / name
        helper.write_text(f"#!/bin/sh\ntouch {marker}\n")
        helper.chmod(0o755)
    (folder / "evil").mkdir(mode=0o755)
    (folder / "evil" / "msgpack.py").write_text(f"open({str(marker)!r}, 'w')")
    server = launch(transport, ground, PATH=f"{folder}:.:{os.defpath}", LD_LIBRARY_PATH=str(folder), SECRET="inherited")
    server = guard(server)
    assert server.text("small.txt") == "small text\n"
    assert not marker.exists()
    for row in server.status()["workers"]:
        try:
            environ = Path(f"/proc/{row['pid']}/environ").read_bytes()
        except PermissionError:
            continue
        assert b"inherited" not in environ
        assert str(folder).encode() not in environ


def test_c16_a_configuration_in_the_current_folder_is_not_read(ground: Any, folder: Path) -> None:
    for name in ("config.toml", "filewarden.toml", ".filewarden.toml", "pyproject.toml", ".env"):
        (folder / name).write_text("this is no TOML at all [[[")
    done = subprocess.run(
        [*SERVE, str(ground.root)],
        input=b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
        capture_output=True,
        timeout=20,
        cwd=folder,
        env={"HOME": "/nonexistent", "PATH": os.defpath, "XDG_STATE_HOME": str(folder / "state")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == 1


@pytest.mark.parametrize("fault", ["mode", "link", "owner", "folder"])
def test_c17_token_file_open_to_others(ground: Any, refuse: Callable[..., str], folder: Path, fault: str) -> None:
    token = folder / "token"
    token.write_text("chosen-by-hand-0123456789-0123456789\n")
    token.chmod(0o600)
    match fault:
        case "mode":
            token.chmod(0o644)
        case "link":
            token.rename(folder / "real")
            token.symlink_to("real")
        case "owner":
            if os.geteuid() != 0:
                pytest.skip("only root can give a file away")
            os.chown(token, 12345, 12345)
        case _:
            token.unlink()
            token.mkdir()
    said = refuse(str(ground.root), "--http", "--port", "0", FILEWARDEN_HTTP_TOKEN_FILE=str(token))
    assert "chosen-by-hand" not in said


@pytest.mark.parametrize("value", ["-1", "0", "1e308", "nan", "inf", "1" + "0" * 30, "many", "", "0x10", "\uff11"])
@pytest.mark.parametrize("name", ["LIMITS_QUEUE", "DEADLINES_READ_S", "POOL_WORKER_MEMORY_MB"])
def test_c19_limits_set_to_nonsense(ground: Any, refuse: Callable[..., str], name: str, value: str) -> None:
    assert name in refuse(str(ground.root), **{f"FILEWARDEN_{name}": value})


def test_d11_a_port_in_use_is_refused_clearly(ground: Any, refuse: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "port" in refuse(str(ground.root), "--http", "--port", str(taken.getsockname()[1]))
