"""Changes as real watchers see them."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.confine.limits import WATCHERS_TASKS, counts_by_namespace
from filewarden.workers.confine.namespaces import ENDPOINTS
from filewarden.workers.paths.names import show_path
from tests.drivers.busy import BUSY_S

BUILD = Path(__file__).parent / "build"
SEEN_WITHIN_S = 20.0

pytestmark = pytest.mark.integration

Start = Callable[..., Any]


def test_whatever_happens_to_a_file_is_told_within_two_seconds(watching: Any, tree: Path) -> None:
    file, other = tree / "notes.txt", tree / "other.txt"
    number = watching.subscribe("notes.txt")

    def replace() -> None:
        other.write_text("new")
        other.rename(file)

    happenings: dict[str, Callable[[], object]] = {
        "written": lambda: file.write_text("other"),
        "changed in mode": lambda: file.chmod(0o600),
        "replaced": replace,
        "renamed": lambda: file.rename(tree / "moved.txt"),
        "back": lambda: (tree / "moved.txt").rename(file),
        "removed": file.unlink,
        "made": lambda: file.write_text("again"),
    }
    for happening in happenings.values():
        happening()
        watching.wait_for_change(number, timeout_s=2 + BUSY_S)


def test_a_burst_is_told_a_few_times(watching: Any, tree: Path) -> None:
    number, marker = watching.subscribe("notes.txt"), watching.subscribe("README.md")
    started_at = time.monotonic()
    writes = 0
    while time.monotonic() < started_at + 1.0:
        (tree / "notes.txt").write_text(f"{writes}")
        writes += 1
    (tree / "README.md").write_text("new")
    seen = 0
    while (changed := watching.told.get(timeout=SEEN_WITHIN_S)["change"]) != marker:
        seen += changed == number
    assert writes > 20
    assert 1 <= seen <= 2 + 5 * (time.monotonic() - started_at), "no more than one in a fifth of a second"


@pytest.fixture
def guarded(start_watching: Start, tree: Path) -> Any:
    """A server that denies `.env` files and a folder."""
    return start_watching(f'[[roots]]\npath = "{tree}"\ndeny = [".env", "secret"]\n')


def test_a_folder_tells_of_its_visible_names_and_never_of_a_denied_one(guarded: Any, tree: Path) -> None:
    folder, names, marker = guarded.subscribe("."), guarded.subscribe(None), guarded.subscribe("src/main.py")
    (tree / "new.txt").write_text("x")
    guarded.wait_for_change(folder)
    guarded.wait_for_change(names)
    (tree / "src/main.py").write_text("1")
    guarded.changes_until(marker)
    os.truncate(tree / "new.txt", 0)  # one event, where a write is several, of which one may be told later
    guarded.wait_for_change(folder)
    (tree / ".env").write_text("KEY=1")
    (tree / ".env").chmod(0o600)
    (tree / ".env").unlink()
    (tree / "secret").mkdir()
    (tree / "src/main.py").write_text("2")
    assert guarded.changes_until(marker) == set()
    (tree / "new.txt").unlink()
    guarded.wait_for_change(folder)
    guarded.wait_for_change(names)


def test_lists_tell_of_every_root_and_of_nothing_deeper_or_only_changed(
    start_watching: Start, tree: Path, tmp_path: Path
) -> None:
    other = tmp_path / "second"
    other.mkdir()
    other.chmod(0o755)
    watching = start_watching(f'[[roots]]\npath = "{tree}"\nname = "one"\n[[roots]]\npath = "{other}"\nname = "two"\n')
    lists, marker = watching.subscribe(None), watching.subscribe("one/README.md")
    (other / "file.txt").write_text("x")
    watching.wait_for_change(lists)
    (tree / "README.md").write_text("1")
    watching.changes_until(marker)
    (other / "file.txt").write_text("y")
    (tree / "src" / "deeper.txt").write_text("x")
    (tree / "README.md").write_text("2")
    assert watching.changes_until(marker) == set()
    (tree / "src" / "deeper.txt").rename(tree / "risen.txt")
    watching.wait_for_change(lists)


def test_what_no_call_may_reach_is_not_watched(guarded: Any, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("canary")
    (tree / "leaving").symlink_to(tmp_path / "outside.txt")
    (tree / "leaving-folder").symlink_to(tmp_path)
    (tree / ".env").write_text("KEY=1")
    os.mkfifo(tree / "pipe")
    refusals = {
        "../outside.txt": "access_denied",
        str(tmp_path / "outside.txt"): "access_denied",
        "leaving": "access_denied",
        "leaving-folder/outside.txt": "access_denied",
        ".env": "access_denied",
        "secret/there/or/not": "access_denied",
        "absent.txt": "not_found",
        "pipe": "unsupported",
        "": "invalid_argument",
    }
    assert {path: guarded.refusal(path) for path in refusals} == refusals


def test_a_link_is_watched_with_what_it_leads_to_and_a_file_that_becomes_one_is_gone(
    watching: Any, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.txt").write_text("canary")
    (tree / "link").symlink_to("src/main.py")
    link, file = watching.subscribe("link"), watching.subscribe("notes.txt")
    (tree / "src/main.py").write_text("other")
    watching.wait_for_change(link)
    (tree / "link").unlink()
    (tree / "link").symlink_to("src/utils.py")
    watching.wait_for_change(link)
    (tree / "src/utils.py").write_text("other")
    watching.wait_for_change(link)
    (tmp_path / "made").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "made").rename(tree / "notes.txt")
    watching.wait_for_change(file)
    marker = watching.subscribe("README.md")
    (tmp_path / "outside.txt").write_text("changed")
    (tree / "README.md").write_text("changed")
    assert watching.changes_until(marker) == set()


def test_a_folder_above_may_go_and_come_back(watching: Any, tree: Path) -> None:
    number = watching.subscribe("src/main.py")
    (tree / "src").rename(tree / "gone")
    watching.wait_for_change(number)
    (tree / "src").mkdir()
    (tree / "src").chmod(0o755)
    (tree / "src/main.py").write_text("anew")
    watching.wait_for_change(number)
    for text in ("one", "two"):
        (tree / "src/main.py").write_text(text)
        watching.wait_for_change(number)


def test_a_name_that_is_no_text_costs_no_later_change(watching: Any, tree: Path) -> None:
    number, folder = watching.subscribe("notes.txt"), watching.subscribe(".")
    weird = os.fsencode(tree) + b"/\xff\xfe"
    with open(weird, "w"):
        watching.wait_for_change(folder)
    for text in ("one", "two", "three"):
        (tree / "notes.txt").write_text(text)
        watching.wait_for_change(number)
    os.unlink(weird)
    watching.wait_for_change(folder)


def test_a_file_in_a_folder_that_is_no_text_is_watched_too(watching: Any, tree: Path) -> None:
    folder = os.fsencode(tree) + b"/\xfffolder"
    os.mkdir(folder, 0o755)
    with open(folder + b"/file", "w") as file:
        number = watching.subscribe(show_path((b"\xfffolder", b"file")))
        file.write("x")
    watching.wait_for_change(number)


def test_a_killed_watcher_is_replaced_and_what_it_missed_counts_as_changed(watching: Any, tree: Path) -> None:
    numbers = [watching.subscribe("notes.txt"), watching.subscribe("src"), watching.subscribe("data/sample.json")]
    (pid,) = watching.watchers()
    (tree / "data/sample.json").unlink()
    os.kill(pid, signal.SIGKILL)
    missing = set(numbers)
    while missing:
        missing.discard(watching.told.get(timeout=20).get("change"))
    (tree / "notes.txt").write_text("later")
    watching.wait_for_change(numbers[0])
    watching.drain()
    (tree / "data/sample.json").write_text("back")
    watching.wait_for_change(numbers[2])
    watching.wait_for_watchers(lambda pids: len(pids) == 1 and pid not in pids)


@pytest.mark.slow
def test_a_stopped_watcher_is_replaced_and_one_without_work_ends(watching: Any, tree: Path) -> None:
    number = watching.subscribe("notes.txt")
    (pid,) = watching.watchers()
    os.kill(pid, signal.SIGSTOP)
    watching.wait_for_change(number, timeout_s=30)
    watching.wait_for_watchers(lambda pids: len(pids) == 1 and pid not in pids)
    watching.unsubscribe(number)
    watching.wait_for_watchers(lambda pids: not pids)
    watching.subscribe("notes.txt")


def test_what_was_given_up_is_told_no_more(watching: Any, tree: Path) -> None:
    number, marker = watching.subscribe("notes.txt"), watching.subscribe("README.md")
    watching.unsubscribe(number)
    (tree / "notes.txt").write_text("x")
    (tree / "README.md").write_text("x")
    assert watching.changes_until(marker) == set()


def test_there_is_a_limit_for_each_principal(start_watching: Start) -> None:
    watching = start_watching(FILEWARDEN_LIMITS_MAX_WATCHES="2")
    first = watching.subscribe("README.md")
    watching.subscribe("notes.txt")
    assert watching.refusal("src") == "overloaded"
    watching.subscribe("src", principal="another")
    watching.unsubscribe(first)
    watching.subscribe("src")


def test_each_principal_has_a_watcher_and_each_is_confined(watching: Any, tree: Path) -> None:
    watching.subscribe("README.md", principal="alice")
    watching.subscribe("README.md", principal="bob")
    watching.subscribe("notes.txt", principal="bob")
    pids = watching.watchers()
    assert len(pids) == 2
    for pid in pids:
        folder = Path(f"/proc/{pid}")
        threads = list((folder / "task").iterdir())
        assert len(threads) > 1
        for thread in threads:
            facts = (thread / "status").read_text()
            for fact in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"):
                assert fact in facts, thread
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):  # not dumpable: not even its own user may look
                os.listdir(folder / "root")
            continue
        for name in ("user", "pid", "mnt", "net", "ipc", "uts"):
            assert os.readlink(folder / "ns" / name) != os.readlink(f"/proc/{watching.process.pid}/ns/{name}"), name
        assert sorted(os.listdir(folder / "root")) == ["endpoints", "root0"]


@pytest.mark.parametrize("mode", ["required", "off"])
def test_without_namespaces_it_works_all_the_same(start_watching: Start, tree: Path, mode: str) -> None:
    watching = start_watching(launcher=(str(BUILD / "exposed.py"),), FILEWARDEN_SANDBOX_MODE=mode)
    number = watching.subscribe("src/main.py")
    assert watching.refusal("../config.toml") == "access_denied"
    (tree / "src/main.py").write_text("other")
    watching.wait_for_change(number)


def test_the_system_s_limit_is_a_refusal_that_names_it(start_watching: Start) -> None:
    watching = start_watching(launcher=(str(BUILD / "hostile.py"), "limited"))
    code, message = watching.result(watching.ask("README.md"))
    assert code == "overloaded"
    assert "fs.inotify.max_user_watches" in message


HOSTILE = {
    "garbage": "undecodable frame",
    "nameless": "it names what it was not asked for",
    "chatter": "an answer that nobody has asked for",
    "flood": "it tells of changes too often",
    "answer": "undecodable frame",
    "hello": "a second or foreign hello",
    "again": "a start report out of turn",
    "endless": "a message of several parts",
    "threads": "it runs too many threads",
}


def test_threads_run_out_before_the_system_s_do(watching: Any) -> None:
    watching.subscribe("notes.txt")
    (pid,) = watching.watchers()
    accounts, mounts = (Path(f"/proc/{pid}/{name}").read_text() for name in ("uid_map", "mounts"))
    if accounts == Path("/proc/self/uid_map").read_text() or f" {ENDPOINTS} " not in mounts:
        pytest.skip("this machine has not all namespaces for us: all that the account runs would count")
    if not counts_by_namespace(os.uname().release):
        pytest.skip("this kernel counts all that the account runs in whatever namespace")
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (line,) = (line.split() for line in limits if line.startswith("Max processes"))
    assert line[2:4] == [str(WATCHERS_TASKS)] * 2


@pytest.mark.parametrize("way", HOSTILE)
def test_a_watcher_that_breaks_the_protocol_is_ended(start_watching: Start, tmp_path: Path, way: str) -> None:
    file = tmp_path / "audit.jsonl"
    watching = start_watching(launcher=(str(BUILD / "hostile.py"), way), FILEWARDEN_AUDIT_FILE=str(file))
    watching.ask("README.md")
    watching.wait_for_error(f"was ended: {HOSTILE[way]}")
    give_up_at = time.monotonic() + 20
    while b'"event":"breach"' not in file.read_bytes():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.02)
    breach = next(entry for entry in map(json.loads, file.read_text().splitlines()) if entry.get("event") == "breach")
    assert (breach["worker"], breach["role"], breach["principal"]) == ("watcher", "watch", "somebody")
    assert breach["reason"].startswith(HOSTILE[way])
