"""What a server reaches, refuses and says on machines that lack a layer, each simulated by an outer filter."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("whole")]

Machine = Callable[..., tuple[str, ...]]
StatusOf = Callable[[int], dict[str, Any]]

SERVES = {
    "as it is": ("full", {}),
    "container without user namespaces": ("strong", {"namespaces": "see names, sizes and times"}),
    "mounts denied": ("strong", {"namespaces": "allow mounts in user namespaces"}),
    "mounts denied half-way": ("strong", {"namespaces": "allow mounts in user namespaces"}),
    "mounts denied at the end": ("strong", {"namespaces": "allow mounts in user namespaces"}),
    "kernel without mount_setattr": ("full", {}),
    "kernel without landlock": ("strong", {"landlock": "Mounts alone keep a worker"}),
    "landlock not switched on": ("strong", {"landlock": "Mounts alone keep a worker"}),
    "kernel without openat2": ("strong", {"openat2": "one name at a time"}),
}
RECORDS = (
    "as it is",
    "container without user namespaces",
    "mounts denied half-way",
    "kernel without landlock",
    "kernel without openat2",
)
"""The ways in which the history's folder reaches a worker."""
REFUSES = {
    "neither landlock nor namespaces": ("partial", "landlock", "Linux 6.2", 2),
    "old landlock, no namespaces": ("partial", "Landlock ABI 1", "Linux 6.2", 2),
    "no filter on all threads": ("partial", "seccomp", "CONFIG_SECCOMP_FILTER", 1),
    "nothing at all": ("paths-only", "landlock", "Linux 6.2", 3),
}
IMPOSSIBLE = {
    "no handles on processes": "pidfd_open",
    "mounts denied with no way back": "could not finish its mounts",
}


def _errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if " error " in line]


def _serves(server: Any) -> bool:
    server.initialize()
    return bool(server.call("read_file", path="notes.txt")["content"][0]["text"] == "Some notes here.\n")


@pytest.mark.parametrize("name", SERVES)
def test_required_serves_where_a_sound_sandbox_stands_and_says_what_is_missing(
    name: str, machine: Machine, start_server: Callable[..., Any], status_of: StatusOf
) -> None:
    level, missing = SERVES[name]
    server = start_server(program=machine(name))
    assert _serves(server)
    status = status_of(server.pid)
    assert (status["status"], status["sandbox"]["level"]) == ("ok", level)
    assert {layer for layer, facts in status["sandbox"]["layers"].items() if not facts["active"]} == set(missing)
    assert len(status["sandbox"]["degraded"]) == len(missing)
    assert server.finish() == 0
    server.kill()
    for sentence, part in zip(status["sandbox"]["degraded"], missing.values(), strict=True):
        assert part in sentence
        assert f"warning sandbox {level}: {sentence}" in server.errors
    assert "Traceback" not in server.errors


@pytest.mark.parametrize("name", ["as it is", "container without user namespaces"])
def test_a_start_in_a_folder_that_is_closed_to_the_account_costs_nothing(
    name: str, machine: Machine, start_server: Callable[..., Any], status_of: StatusOf, tree: Path
) -> None:
    closed = tree.parent / "closed"
    closed.mkdir()
    server = start_server(program=machine(name, closed=str(closed)))
    assert _serves(server)
    uri = (tree / "notes.txt").as_uri()
    assert server.request("resources/subscribe", {"uri": uri}).get("result") == {}
    assert status_of(server.pid)["sandbox"]["level"] == SERVES[name][0]
    closed.rmdir()


def test_an_old_landlock_is_enough_behind_read_only_mounts(
    machine: Machine, start_server: Callable[..., Any], status_of: StatusOf
) -> None:
    server = start_server(program=machine("old landlock"))
    assert _serves(server)
    sandbox = status_of(server.pid)["sandbox"]
    assert (sandbox["level"], sandbox["layers"]["landlock"]) == ("strong", {"active": True, "abi": 2})
    assert "Landlock is old" in sandbox["degraded"][0]


def test_a_root_that_may_not_make_user_namespaces_still_hides_the_rest(
    machine: Machine, start_server: Callable[..., Any], status_of: StatusOf, uid: int | None
) -> None:
    server = start_server(program=machine("no user namespace for root"))
    assert _serves(server)
    sandbox = status_of(server.pid)["sandbox"]
    assert sandbox["level"] == "strong"
    as_root = uid is None and sandbox["layers"]["namespaces"]["active"]
    assert ("share the user namespace of the host" if as_root else "see names, sizes") in sandbox["degraded"][0]


@pytest.mark.parametrize("name", RECORDS)
def test_changes_are_recorded_and_undone_wherever_something_is_served(
    name: str, machine: Machine, start_server: Callable[..., Any], tree: Path
) -> None:
    own(tree)
    server = start_server("--allow-write", program=machine(name))
    server.initialize()
    assert not server.call("write_file", path="notes.txt", content="new", overwrite=True).get("isError")
    (change,) = server.call("list_changes")["structuredContent"]["changes"]
    assert server.call("undo_change", id=change["id"])["structuredContent"]["done"] == "restored"
    assert (tree / "notes.txt").read_text() == "Some notes here.\n"
    assert server.finish() == 0


def own(tree: Path) -> None:
    """Give the tree to the account that workers become when the server is started as root."""
    if os.geteuid() == 0 and tree.stat().st_uid == 0:
        account = pwd.getpwnam("nobody")
        for path in (tree, *tree.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


@pytest.mark.parametrize("name", REFUSES)
def test_d12_required_refuses_where_too_little_stands_with_one_message_that_names_layer_and_fix(
    name: str, machine: Machine, start_server: Callable[..., Any]
) -> None:
    _level, layer, fix, _count = REFUSES[name]
    server = start_server(program=machine(name))
    assert server.process.wait(20) == 1
    server.kill()
    [message] = _errors(server.errors)
    assert layer in message
    assert fix in message
    assert "best-effort" in message
    assert "Traceback" not in server.errors
    assert server.lines.get(timeout=1) is None  # nothing was answered


@pytest.mark.parametrize("name", REFUSES)
def test_d12_best_effort_serves_what_is_left_and_warns_at_start_and_in_the_status(
    name: str, machine: Machine, start_server: Callable[..., Any], status_of: StatusOf
) -> None:
    level, _layer, _fix, count = REFUSES[name]
    server = start_server("--sandbox", "best-effort", program=machine(name))
    assert _serves(server)
    status = status_of(server.pid)
    assert (status["status"], status["sandbox"]["level"]) == ("degraded", level)
    assert len(status["sandbox"]["degraded"]) >= count
    assert server.finish() == 0
    server.kill()
    for sentence in status["sandbox"]["degraded"]:
        assert f"warning sandbox {level}: {sentence}" in server.errors


@pytest.mark.parametrize("mode", ["required", "best-effort"])
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_no_mode_can_do_without_ends_the_server_at_once(
    name: str, mode: str, machine: Machine, start_server: Callable[..., Any]
) -> None:
    server = start_server("--sandbox", mode, program=machine(name))
    assert server.process.wait(20) == 1
    server.kill()
    [message] = _errors(server.errors)
    assert IMPOSSIBLE[name] in message
    assert "To fix it" in message
    assert "Traceback" not in server.errors


def test_switched_off_says_so(machine: Machine, start_server: Callable[..., Any], status_of: StatusOf) -> None:
    server = start_server("--sandbox", "off", program=machine("nothing at all"))
    assert _serves(server)
    sandbox = status_of(server.pid)["sandbox"]
    assert (sandbox["mode"], sandbox["level"]) == ("off", "off")
    assert "switched off" in sandbox["degraded"][0]
    assert server.finish() == 0
    server.kill()
    assert "switched off" in server.errors


def test_without_handles_on_processes_not_even_switched_off(machine: Machine, start_server: Callable[..., Any]) -> None:
    server = start_server("--sandbox", "off", program=machine("no handles on processes"))
    assert server.process.wait(20) == 1
    server.kill()
    assert len(_errors(server.errors)) == 1


def test_over_http_a_refusal_is_the_same(machine: Machine, start_server: Callable[..., Any]) -> None:
    server = start_server("--http", "--port", "0", program=machine("neither landlock nor namespaces"))
    assert server.process.wait(20) == 1
    server.kill()
    [message] = _errors(server.errors)
    assert "landlock" in message
    assert "Traceback" not in server.errors
