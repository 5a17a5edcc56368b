"""Profiles over HTTP: each principal has roots, tools and workers of its own, and what is another's does not exist."""

import json
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.http import HttpServer, Reply
from tests.drivers.messages import CLIENT, calling, enveloped, routing, rpc
from tests.drivers.process import FAULTY, PRODUCT

pytestmark = pytest.mark.integration

Json = dict[str, Any]
CAPTURED = (str(Path(__file__).parents[2] / "hostile" / "captured" / "server.py"),)
REFUSED = {"ENOENT", "EACCES", "EPERM", "EROFS", "FileNotFoundError", "PermissionError"}
FEW = "[pool]\nworkers = 2\nscan_workers = 1\nspares = 0\n"
PROFILES = """
[[profiles]]
name = "builds"
principals = ["token:builds", "token:nightly"]

[[profiles.roots]]
path = "{folder}/builds"
mode = "rw"

[[profiles]]
name = "audits"
principals = ["token:audits", "token:leaver"]

[[profiles.roots]]
path = "{folder}/audits"
[[profiles.roots]]
path = "{folder}/papers"
deny = ["*.key"]

[profiles.tools]
only = ["@read", "@resources"]

[profiles.limits]
max_results = 7
"""
DRAFTS = """
[[profiles]]
name = "drafts"
principals = ["token:drafts"]

[[profiles.roots]]
path = "{folder}/drafts"
mode = "rw"
"""
CAN_POLL: Json = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}


class Crowd:
    """A server for several principals, by what each calls itself: "" is the holder of the server's own token."""

    def __init__(self, server: HttpServer, environ: dict[str, str], file: Path) -> None:
        self.server = server
        self.folder = Path(environ["XDG_STATE_HOME"]) / "filewarden" / "tokens"
        self.file = file

    def token(self, name: str) -> str:
        return (self.folder / name).read_text().strip() if name else self.server.token or ""

    def bearer(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(name)}"}

    def ask(self, name: str, method: str, params: Json | None = None) -> Reply:
        return self.server.modern(method, params, **self.bearer(name))

    def call(self, name: str, tool: str, /, **arguments: Any) -> Json:
        found: Json = self.ask(name, "tools/call", {"name": tool, "arguments": arguments}).json["result"]
        return found

    def text(self, name: str, path: str) -> str:
        return str(self.call(name, "read_file", path=path)["content"][0]["text"])

    def tools(self, name: str) -> set[str]:
        return {tool["name"] for tool in self.ask(name, "tools/list").json["result"]["tools"]}

    def profiles(self) -> dict[str, Json]:
        return {row["name"]: row for row in self.server.status()["profiles"]}

    def reload(self, text: str) -> Json:
        before = self.server.status()["configuration"]
        self.file.write_text(text)
        os.kill(self.server.pid, signal.SIGHUP)

        def is_over(status: Json) -> bool:
            now = status["configuration"]
            sums = [each["reloads_total"] + each["refused_total"] for each in (before, now)]
            return not now["reloading"] and sums[1] == sums[0] + 1

        found: Json = self.server.wait_for_status(is_over, 20.0)["configuration"]
        return found


def folders(above: Path) -> Path:
    """The roots of all profiles, each with a file that names it."""
    for name in ("common", "builds", "audits", "papers", "drafts"):
        (above / name).mkdir()
        (above / name).chmod(0o777)
        (above / name / "whose.txt").write_text(name)
        (above / name / "whose.txt").chmod(0o644)
    (above / "papers" / "seal.key").write_text("secret")
    return above


def configured(above: Path, profiles: str = PROFILES, more: str = FEW) -> str:
    return f'[[roots]]\npath = "{above}/common"\n{profiles.format(folder=above)}\n{more}'


Start = Callable[..., Crowd]


@pytest.fixture(scope="module")
def start_crowd() -> Iterator[Start]:
    """Start servers on folders that any local user may enter, so that nothing but the server keeps them apart."""
    servers: list[HttpServer] = []

    def start(text: Callable[[Path], str] = configured, program: tuple[str, ...] = PRODUCT, **variables: str) -> Crowd:
        above = Path(tempfile.mkdtemp(prefix="fw-crowd-"))
        above.chmod(0o755)
        file = above / "filewarden.toml"
        file.write_text(text(folders(above)))
        environ = {"HOME": str(above), "PATH": os.defpath, "XDG_STATE_HOME": str(above / "state"), **variables}
        server = HttpServer(("--config", str(file)), environ, program)
        servers.append(server)
        server.root = above
        server.wait_until_ready()
        return Crowd(server, environ, file)

    yield start
    for server in servers:
        server.kill()
        shutil.rmtree(server.root, ignore_errors=True)


@pytest.fixture(scope="module")
def crowd(start_crowd: Start) -> Crowd:
    """One server for the tests that leave it as it is."""
    return start_crowd(lambda above: configured(above, PROFILES + DRAFTS), FAULTY)


def test_workers_of_a_profile_start_when_somebody_comes_to_it(start_crowd: Start) -> None:
    crowd = start_crowd()
    rows = crowd.profiles()
    assert {name: row["state"] for name, row in rows.items()} == {
        "": "serving",
        "builds": "resting",
        "audits": "resting",
    }
    before = len(crowd.server.descendants())
    assert crowd.text("builds", "whose.txt") == "builds"
    rows = crowd.profiles()
    assert (rows["builds"]["state"], rows["builds"]["calls_total"], rows[""]["calls_total"]) == ("serving", 1, 0)
    assert rows["audits"]["state"] == "resting"
    assert len(crowd.server.descendants()) > before
    assert {worker.get("profile") for worker in crowd.server.status()["workers"]} == {None, "builds"}


def test_each_token_is_a_private_file_and_opens_its_profile_alone(crowd: Crowd) -> None:
    for name in ("builds", "nightly", "audits"):
        assert stat.S_IMODE((crowd.folder / name).stat().st_mode) == 0o600
        assert crowd.token(name) not in crowd.server.errors
        assert crowd.server.get("/status", **crowd.bearer(name)).status == 401
        assert "root" not in crowd.server.get("/health", **crowd.bearer(name)).json
    assert crowd.text("", "whose.txt") == "common"
    assert crowd.text("nightly", "whose.txt") == "builds"
    assert crowd.text("audits", "audits/whose.txt") == "audits"


def test_each_is_offered_what_its_profile_allows(crowd: Crowd) -> None:
    assert "write_file" in crowd.tools("builds")
    assert "write_file" not in crowd.tools("")
    assert "search_files" in crowd.tools("")
    assert "read_file" in crowd.tools("audits")
    assert not {"search_files", "search_text", "write_file"} & crowd.tools("audits")
    for name, roots in (("", {"common"}), ("builds", {"builds"}), ("audits", {"audits", "papers"})):
        listed = crowd.call(name, "list_allowed_directories")["structuredContent"]
        assert {root["name"] for root in listed["directories"]} == roots


def same_but_for(replies: tuple[Reply, Reply], names: tuple[str, str]) -> bool:
    """Whether the second is byte for byte the first, had that been asked for the other name."""
    ours, theirs = (b"".join(reply.texts) for reply in replies)
    return replies[0].status == replies[1].status and ours == theirs.replace(names[1].encode(), names[0].encode())


@pytest.mark.parametrize(
    ("there", "nowhere", "method", "params"),
    [
        ("builds/whose.txt", "bwilds/whose.txt", "tools/call", {"name": "read_file", "arguments": {"path": "%s"}}),
        ("common", "commom", "tools/call", {"name": "list_directory", "arguments": {"path": "%s"}}),
        ("papers/seal.key", "papers/meal.key", "tools/call", {"name": "get_file_info", "arguments": {"path": "%s"}}),
        ("%(above)s/builds", "%(above)s/bwilds", "tools/call", {"name": "list_directory", "arguments": {"path": "%s"}}),
        ("write_file", "writs_file", "tools/call", {"name": "%s", "arguments": {"path": "a", "content": "b"}}),
        ("search_text", "search_test", "tools/call", {"name": "%s", "arguments": {"pattern": "a"}}),
        ("file://%(above)s/builds/whose.txt", "file://%(above)s/bwilds/whose.txt", "resources/read", {"uri": "%s"}),
    ],
)
def test_what_is_another_profiles_is_answered_as_what_does_not_exist(
    there: str, nowhere: str, method: str, params: Json, crowd: Crowd
) -> None:
    names = tuple(name % {"above": crowd.server.root} if "%" in name else name for name in (there, nowhere))
    replies = [crowd.ask("audits", method, json.loads(json.dumps(params) % name)) for name in names]
    assert same_but_for((replies[0], replies[1]), (names[0], names[1])), [reply.body for reply in replies]
    assert (
        replies[0].status >= 400
        or b'"isError":true' in replies[0].body.replace(b" ", b"")
        or b"error" in replies[0].body
    )


def test_sessions_cursors_and_tasks_are_their_profiles(crowd: Crowd) -> None:
    for number in range(500):
        (crowd.server.root / "builds" / f"{number:0100}.txt").touch()
    reply = crowd.server.post(rpc("initialize", CLIENT), **crowd.bearer("builds"))
    session = str(reply.headers["Mcp-Session-Id"])
    body = calling("list_directory", path=".")
    assert crowd.server.post(body, mcp_session_id=session, **crowd.bearer("builds")).status == 200
    stolen = crowd.server.post(body, mcp_session_id=session, **crowd.bearer("audits"))
    unknown = crowd.server.post(body, mcp_session_id="x" * len(session), **crowd.bearer("audits"))
    assert (stolen.status, stolen.body) == (unknown.status, unknown.body) == (404, stolen.body)
    reply = crowd.server.post(rpc("initialize", CLIENT), **crowd.bearer("audits"))
    own = {"mcp_session_id": str(reply.headers["Mcp-Session-Id"]), **crowd.bearer("audits")}
    watched = [
        crowd.server.post(rpc("resources/subscribe", {"uri": f"file://{crowd.server.root}/{name}/whose.txt"}), **own)
        for name in ("builds", "bwilds")
    ]
    assert same_but_for((watched[0], watched[1]), ("builds", "bwilds"))
    assert "error" in watched[0].json
    page = crowd.call("builds", "list_directory", path=".")["structuredContent"]
    cursor = page["next_cursor"]
    assert not crowd.call("builds", "list_directory", path=".", cursor=cursor).get("isError")
    for name in ("audits", ""):
        answers = [
            crowd.ask(name, "tools/call", {"name": "list_directory", "arguments": {"path": ".", "cursor": each}}).body
            for each in (cursor, "A" * len(cursor))
        ]
        assert answers[0] == answers[1]
        assert b"isError" in answers[0]


def other_id(real: str) -> str:
    """An id like a real one, that was never given."""
    return real[:-1] + ("0" if real[-1] != "0" else "1")


def make_task(crowd: Crowd, name: str) -> str:
    wanted = {"name": "chore", "arguments": {"seconds": 0.0}, "_meta": CAN_POLL}
    created = crowd.ask(name, "tools/call", wanted).json["result"]
    assert created["resultType"] == "task"
    return str(created["taskId"])


@pytest.mark.parametrize("name", ["audits", "", "drafts", "nightly"])
def test_the_id_of_somebody_elses_task_is_one_that_was_never_given(name: str, crowd: Crowd) -> None:
    task = make_task(crowd, "builds")
    never = other_id(task)
    for method in ("tasks/get", "tasks/result", "tasks/update", "tasks/cancel"):
        params = {"_meta": CAN_POLL, "inputResponses": {}}
        replies = [crowd.ask(name, method, {**params, "taskId": each}) for each in (task, never)]
        assert same_but_for((replies[0], replies[1]), (task, never)), [reply.body for reply in replies]
        assert "error" in replies[0].json
    mine = crowd.ask("builds", "tasks/get", {"_meta": CAN_POLL, "taskId": task}).json["result"]
    assert mine["status"] in {"working", "completed"}  # nobody has cancelled it


@pytest.mark.parametrize(
    ("there", "nowhere", "value"),
    [
        ("builds", "bwilds", "wh"),
        ("builds", "bwilds", ""),
        ("common", "commom", "wh"),
        ("papers", "papers", "%s.k"),
        ("papers", "papers", "../%s/wh"),
    ],
)
def test_nothing_of_another_profile_completes_a_path(there: str, nowhere: str, value: str, crowd: Crowd) -> None:
    def completed(root: str, begun: str) -> Reply:
        reference = {"type": "ref/resource", "uri": f"file://{crowd.server.root}/{root}/{{+path}}"}
        params = {"ref": reference, "argument": {"name": "path", "value": begun}}
        return crowd.ask("audits", "completion/complete", params)

    names = ("builds", "bwilds") if ".." in value else ("seal", "meal")
    begun = [value % name if "%" in value else value for name in names]
    replies = (completed(there, begun[0]), completed(nowhere, begun[1]))
    assert same_but_for(replies, (there, nowhere)), [reply.body for reply in replies]
    assert completed("papers", "wh").json["result"]["completion"]["values"] == ["whose.txt"]


def test_the_ids_of_anothers_changes_and_deletions_are_ones_that_were_never_given(crowd: Crowd) -> None:
    crowd.call("builds", "write_file", path="lost.txt", content="one")
    change = crowd.call("builds", "list_changes")["structuredContent"]["changes"][0]["id"]
    deleted = crowd.call("builds", "delete_file", path="lost.txt")
    trash = deleted["structuredContent"]["trash_id"]
    for tool, argument, real in (
        ("undo_change", "id", change),
        ("restore_deleted", "trash_id", trash),
        ("restore_deleted", "cursor", trash),
    ):
        never = other_id(real)
        replies = [
            crowd.ask("drafts", "tools/call", {"name": tool, "arguments": {argument: each}}) for each in (real, never)
        ]
        assert same_but_for((replies[0], replies[1]), (real, never)), [reply.body for reply in replies]
        assert replies[0].json["result"]["isError"]
    for tool in ("list_changes", "restore_deleted"):
        assert "lost.txt" not in json.dumps(crowd.call("drafts", tool))
    assert not crowd.call("builds", "restore_deleted", trash_id=trash).get("isError")
    assert (crowd.server.root / "builds" / "lost.txt").read_text() == "one"


def attempt(crowd: Crowd, name: str, what: str, target: Path) -> str:
    """What came of what an attacker does who runs code in a worker of a profile."""
    result = crowd.call(name, "attempt", name=what, target=str(target))
    return str(result["structuredContent"].get("outcome", result["structuredContent"]))


def test_a_captured_worker_of_a_profile_has_no_way_to_the_root_of_another(start_crowd: Start) -> None:
    text = PROFILES.replace('only = ["@read", "@resources"]', "")
    crowd = start_crowd(lambda above: configured(above, text), program=CAPTURED)
    for mine, theirs in (("builds", "audits"), ("audits", "builds"), ("", "builds"), ("audits", "common")):
        for what in ("open", "list", "stat", "O_PATH", "write", "create", "chdir", "readlink"):
            target = crowd.server.root / theirs / ("" if what in {"list", "chdir"} else "whose.txt")
            assert attempt(crowd, mine, what, target) in REFUSED, (mine, theirs, what)
    assert {worker.get("profile") for worker in crowd.server.status()["workers"]} == {None, "builds", "audits"}


def test_the_metrics_and_the_audit_log_name_the_profile(start_crowd: Start, tmp_path: Path) -> None:
    crowd = start_crowd(lambda above: configured(above, more=f'{FEW}\n[audit]\nfile = "{above}/audit.log"\n'))
    crowd.text("builds", "whose.txt")
    crowd.text("", "whose.txt")
    metrics = crowd.server.get("/metrics").body.decode()
    assert 'filewarden_profile_calls_total{profile="builds"} 1' in metrics
    assert 'filewarden_profile_calls_total{profile=""} 1' in metrics
    crowd.server.wait_for_status(lambda status: status["audit"]["lines_total"] >= 3)  # the first is the server's
    lines = [json.loads(line) for line in (crowd.server.root / "audit.log").read_text().splitlines()]
    found = {line["paths"][0]: line.get("profile") for line in lines if line.get("tool") == "read_file"}
    assert [line.get("profile") for line in lines if line.get("tool") == "read_file"] == ["builds", None], found


def wait_until_running(crowd: Crowd, tool: str) -> None:
    crowd.server.wait_for_status(lambda status: any(row["tool"] == tool for row in status["workers"]))


class Listener:
    """Somebody who listens in all three ways: on the stream of a session, on that of a request, and over HTTP+SSE."""

    def __init__(self, crowd: Crowd, name: str) -> None:
        self._server = crowd.server
        self.bearer: dict[str, Any] = {**crowd.bearer(name)}
        opened = self._server.post(rpc("initialize", CLIENT), **self.bearer)
        self.session = str(opened.headers["Mcp-Session-Id"])
        assert self.say(rpc("notifications/initialized", request_id=None)).status == 202
        body = enveloped("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        sse = self._server.open_stream("text/event-stream", **self.bearer)
        self._place = sse.next()[1]
        self._tell(rpc("initialize", CLIENT))
        assert sse.message()["result"]
        self._tell(rpc("notifications/initialized", request_id=None))
        self.streams = [
            self._server.open_events("GET", None, mcp_session_id=self.session, **self.bearer),
            self._server.open_events("POST", body, **{**routing(body), **self.bearer}),
            sse,
        ]
        assert self.streams[1].message()["method"] == "notifications/subscriptions/acknowledged"

    def say(self, message: Json, **bearer: str) -> Reply:
        """Send something to the session."""
        return self._server.post(message, mcp_session_id=self.session, **(bearer or self.bearer))

    def _tell(self, message: Json) -> None:
        assert self._server.request("POST", self._place, message, **self.bearer).status == 202

    def await_ends(self) -> None:
        """Until all streams have ended, whatever is still told on them."""
        for stream in self.streams:
            while stream.event().name:
                pass

    def hears(self) -> list[str]:
        """What is told next on each stream."""
        return [str(stream.message()["method"]) for stream in self.streams]


def test_a_reload_adds_removes_and_changes_profiles_and_drops_nobody_else(start_crowd: Start) -> None:
    crowd = start_crowd(program=FAULTY)
    assert crowd.text("builds", "whose.txt") == "builds"
    assert crowd.text("audits", "audits/whose.txt") == "audits"
    builds = crowd.token("builds")
    session = str(crowd.server.open_session())
    removed = crowd.server.post(rpc("initialize", CLIENT), **crowd.bearer("builds"))
    gone = str(removed.headers["Mcp-Session-Id"])
    text = configured(crowd.server.root)
    renamed = text.replace(
        'name = "builds"\nprincipals = ["token:builds", "token:nightly"]',
        'name = "papers"\nprincipals = ["token:reader", "token:leaver"]',
    )
    renamed = renamed.replace('"token:audits", "token:leaver"', '"token:audits"')
    leaver = Listener(crowd, "leaver")
    renamed = renamed.replace('/builds"\nmode = "rw"', '/papers"').replace("max_results = 7", "max_results = 8")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(crowd.call, "builds", "sleep", seconds=3.0)
        wait_until_running(crowd, "sleep")
        configuration = crowd.reload(renamed)
        assert configuration["problem"] is None, configuration
        assert not running.result(timeout=20).get("isError")  # it ended where it was
    assert crowd.server.post(calling("read_file", path="whose.txt"), mcp_session_id=session).status == 200
    assert crowd.text("audits", "audits/whose.txt") == "audits"
    assert crowd.text("reader", "whose.txt") == "papers"
    leaver.await_ends()  # its profile is still there, but not for it
    assert crowd.text("leaver", "whose.txt") == "papers"
    lost: dict[str, Any] = {"authorization": f"Bearer {builds}"}
    assert crowd.server.modern("tools/list", **lost).status == 401
    assert crowd.server.post(calling("read_file", path="whose.txt"), mcp_session_id=gone, **lost).status == 401
    assert set(crowd.profiles()) == {"", "audits", "papers"}
    refused = crowd.reload(text.replace('name = "audits"', 'name = "builds"'))
    assert "is the name of another profile too" in refused["problem"]
    assert crowd.text("reader", "whose.txt") == "papers"


def test_what_was_opened_with_a_token_that_was_replaced_ends_at_the_reload_and_nothing_else(
    start_crowd: Start,
) -> None:
    crowd = start_crowd()
    leaver, stays = Listener(crowd, "leaver"), Listener(crowd, "audits")
    before = leaver.bearer
    (crowd.folder / "leaver").write_text("n" * 43 + "\n")
    fewer = configured(crowd.server.root).replace('"@read", ', "")
    assert crowd.reload(fewer)["problem"] is None
    leaver.await_ends()
    assert stays.hears() == ["notifications/tools/list_changed"] * 3
    assert "token:leaver: replaced, its holder is called audits/token:" in crowd.server.errors
    assert crowd.server.modern("tools/list", **before).status == 401
    assert leaver.say(rpc("tools/list")).status == 401
    after: dict[str, Any] = {**crowd.bearer("leaver")}
    assert leaver.say(rpc("tools/list"), **after).status == 404
    assert stays.say(rpc("tools/list")).status == crowd.server.modern("tools/list", **after).status == 200
    again = Listener(crowd, "leaver")
    assert crowd.reload(configured(crowd.server.root))["problem"] is None
    assert stays.hears() == again.hears() == ["notifications/tools/list_changed"] * 3
    keys = {row["principal"] for row in crowd.server.status()["client_list"]}
    assert len(keys) >= 2
    assert all(f" is called {key} in logs and status" in crowd.server.errors for key in keys)


def test_where_others_are_refused_only_profiles_are_served(start_crowd: Start) -> None:
    crowd = start_crowd(lambda above: PROFILES.format(folder=above) + FEW + '[access]\nothers = "refuse"\n')
    assert len(crowd.server.descendants()) == 1  # the launcher alone: nobody has come yet
    main = crowd.server.modern("tools/list")
    unknown = crowd.server.modern("tools/list", authorization="Bearer " + "x" * 43)
    assert (main.status, main.body) == (unknown.status, unknown.body) == (401, main.body)
    assert crowd.text("audits", "papers/whose.txt") == "papers"
    assert set(crowd.profiles()) == {"builds", "audits"}
    assert crowd.server.get("/status").status == 200


def test_a_profile_whose_root_has_gone_is_refused_and_bothers_nobody_else(start_crowd: Start) -> None:
    crowd = start_crowd()
    (crowd.server.root / "builds").rename(crowd.server.root / "elsewhere")
    refused = crowd.call("builds", "read_file", path="whose.txt")
    assert "No worker can be started" in refused["content"][0]["text"]
    assert crowd.text("", "whose.txt") == "common"
    assert crowd.text("audits", "papers/whose.txt") == "papers"
    assert crowd.profiles()["builds"]["state"] == "broken"
    assert crowd.server.get("/readyz").status == 200
    assert "no worker can be started for a profile" in crowd.server.errors
    (crowd.server.root / "elsewhere").rename(crowd.server.root / "builds")
    assert crowd.reload(configured(crowd.server.root))["problem"] is None
    assert crowd.text("builds", "whose.txt") == "builds"


def test_a_change_of_one_profile_is_told_and_undone_there_alone(crowd: Crowd) -> None:
    crowd.call("builds", "write_file", path="new.txt", content="one")
    assert crowd.call("builds", "list_changes")["structuredContent"]["changes"]
    assert (crowd.server.root / "builds" / "new.txt").read_text() == "one"
    listed = [crowd.ask("", "tools/call", {"name": name, "arguments": {}}) for name in ("list_changes", "lost_changes")]
    assert same_but_for((listed[0], listed[1]), ("list_changes", "lost_changes"))
    kept = [path.name for path in crowd.folder.parent.iterdir() if path.name.startswith("history")]
    assert sorted(name.partition("@")[2] for name in kept) == ["builds", "drafts"]
