"""Plugins in real servers: the examples at work, and a hostile one that gets nowhere."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
HOSTILE = Path(__file__).parent / "hostile.py"
Json = dict[str, Any]
Start = Callable[..., Any]


@pytest.fixture
def readable(tmp_path: Path) -> Callable[[Path], str]:
    """A plugin where the account of the workers finds it, too."""

    def copy(source: Path) -> str:
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        place = folder / source.name
        place.write_text(source.read_text())
        return str(place)

    return copy


@pytest.fixture
def serve(start_server: Start, tmp_path: Path, readable: Callable[[Path], str]) -> Callable[..., Any]:
    def start(*plugins: Path, **variables: str) -> Any:
        config = tmp_path / "plugins.toml"
        config.write_text(f"[tools]\nplugins = {[readable(plugin) for plugin in plugins]}\n")
        server = start_server("--config", str(config), **variables)
        server.initialize()
        server.wait_until_ready()
        return server

    return start


def failure(result: Json) -> str:
    assert result["isError"], result
    code: str = result["structuredContent"]["error"]["code"]
    return code


def text(result: Json) -> str:
    assert not result.get("isError"), result
    said: str = result["content"][0]["text"]
    return said


def test_git_log_tells_what_git_tells(serve: Callable[..., Any], tree: Path) -> None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(tree), "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *arguments],
            capture_output=True, text=True, timeout=30, check=True,
        ).stdout  # fmt: skip

    git("init", "--quiet", "--initial-branch=main")
    for number in range(30):
        (tree / "grows.txt").write_text("line\n" * number * 50)
        git("add", "grows.txt")
        git("commit", "--quiet", "--message", f"Change {number}\n\nbody")
    git("gc", "--quiet")  # all in a pack, with deltas
    git("tag", "--annotate", "v1", "--message", "one", "HEAD~3")
    git("switch", "--quiet", "--create", "side", "HEAD~5")
    (tree / "side.txt").write_text("side")
    git("add", "side.txt")
    git("commit", "--quiet", "--message", "Aside")
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--no-edit", "side")
    server = serve(EXAMPLES / "git_log.py")
    for revision in ("HEAD", "main", "side", "v1"):
        told = server.call("git_log", revision=revision, max_commits=500)["structuredContent"]
        wanted = git("log", "--date-order", "--format=%H %s", revision).splitlines()
        assert sorted(f"{commit['id']} {commit['subject']}" for commit in told["commits"]) == sorted(wanted)
        assert told["commits"][0]["id"] == git("rev-parse", f"{revision}^{{commit}}").strip()
        assert not told["truncated"]
    some = server.call("git_log", max_commits=3)["structuredContent"]
    assert (len(some["commits"]), some["truncated"]) == (3, True)
    assert failure(server.call("git_log", revision="../../etc/passwd")) == "not_found"
    assert failure(server.call("git_log", revision="nowhere")) == "not_found"
    assert failure(server.call("git_log", path="..")) in ("access_denied", "not_found")


def test_sqlite_query_reads_rows_and_changes_nothing(serve: Callable[..., Any], tree: Path) -> None:
    path = tree / "people.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE people (name TEXT, age INTEGER, photo BLOB)")
        database.executemany("INSERT INTO people VALUES (?, ?, x'00ff')", [(f"p{n}", n) for n in range(200)])
    database.close()
    before = path.read_bytes()
    server = serve(EXAMPLES / "sqlite_query.py", FILEWARDEN_DEADLINES_SCAN_S="1", FILEWARDEN_DEADLINES_GRACE_S="1")

    def ask(query: str, *parameters: object, **more: object) -> Json:
        result: Json = server.call("sqlite_query", path="people.db", query=query, parameters=list(parameters), **more)
        return result

    told = ask("SELECT name, age, photo FROM people WHERE age > ? ORDER BY age", 197)["structuredContent"]
    assert told["columns"] == ["name", "age", "photo"]
    assert told["rows"] == [["p198", 198, "<2 bytes>"], ["p199", 199, "<2 bytes>"]]
    assert ask("SELECT * FROM people", max_rows=5)["structuredContent"]["truncated"]
    for refused in (
        "DELETE FROM people",
        "ATTACH '/etc/passwd' AS x",
        "PRAGMA query_only = 0",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "nonsense",
        "VACUUM INTO 'people2.db'",
    ):
        assert failure(ask(refused)) == "invalid_argument", refused
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    assert failure(ask(endless)) == "timeout"
    assert failure(server.call("sqlite_query", path="README.md", query="SELECT 1")) == "unsupported"
    assert failure(server.call("sqlite_query", path="../x.db", query="SELECT 1")) == "access_denied"
    assert path.read_bytes() == before
    assert not (tree / "people2.db").exists()


@pytest.fixture
def hostile(serve: Callable[..., Any]) -> Any:
    return serve(
        HOSTILE,
        FILEWARDEN_DEADLINES_READ_S="3",
        FILEWARDEN_DEADLINES_GRACE_S="0.25",
        FILEWARDEN_POOL_WORKER_MEMORY_MB="160",
    )


def test_a_hostile_plugin_gets_out_of_nothing(hostile: Any, tree: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    for path in ("/etc/passwd", str(secret), "/proc/self/environ", "/proc/1/root/etc/passwd", str(tree / "README.md")):
        assert text(hostile.call("open_path", path=path)).startswith("open: "), path
    for path in ("/root0/README.md", "/root0/new.txt", "/new.txt", str(tree / "new.txt")):
        assert text(hostile.call("write_path", path=path)).startswith("write: "), path
    assert text(hostile.call("connect", host="127.0.0.1", port=9)).startswith("connect: ")
    assert text(hostile.call("fork")).startswith("fork: ")
    assert failure(hostile.call("execute")) in ("io_error", "worker_crashed")
    assert failure(hostile.call("ask", path="../secret.txt")) == "access_denied"
    assert text(hostile.call("ask", path="README.md")) == (tree / "README.md").read_text()
    assert not (tree / "new.txt").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "codes"),
    [
        ("spin", {}, ["timeout"]),
        ("sleep", {"seconds": 30}, ["timeout"]),
        ("eat", {}, ["memory_limit"]),
        ("crash", {}, ["worker_crashed"]),
        ("lie", {}, ["io_error"]),
        ("flood", {}, ["too_large"]),
        ("fail", {}, ["io_error"]),
    ],
)
def test_a_failing_plugin_costs_its_own_call(hostile: Any, name: str, arguments: Json, codes: list[str]) -> None:
    start = time.monotonic()
    result = hostile.call(name, **arguments)
    assert failure(result) in codes
    assert "shadow" not in str(result)
    assert time.monotonic() - start < 10
    assert text(hostile.call("ask", path="README.md"))


def test_a_scan_worker_bound_plugin_is_absent_without_one(serve: Callable[..., Any]) -> None:
    server = serve(EXAMPLES / "git_log.py", FILEWARDEN_POOL_SCAN_WORKERS="0", FILEWARDEN_POOL_WORKERS="2")
    names = [tool["name"] for tool in server.request("tools/list", {})["result"]["tools"]]
    assert "read_file" in names
    assert "git_log" not in names


def test_a_bad_plugin_ends_the_start_with_the_reason(tree: Path, environ: dict[str, str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("1 / 0\n")
    (tree / "own.py").write_text(HOSTILE.read_text())
    config = tmp_path / "bad.toml"
    run = [sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())"]
    for plugin, mode, sentence in (
        (str(bad), "ro", "ZeroDivisionError"),
        ("nowhere_to_be_found", "ro", "installed beside Filewarden"),
        (str(tree / "own.py"), "rw", "which clients may change"),
    ):
        config.write_text(f'[[roots]]\npath = "{tree}"\nmode = "{mode}"\n[tools]\nplugins = ["{plugin}"]\n')
        for command in ("serve", "check"):
            done = subprocess.run(
                [*run, command, "--config", str(config)],
                env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            )  # fmt: skip
            assert done.returncode == 2, done.stderr
            assert "tools.plugins" in done.stderr
            assert sentence in done.stderr
