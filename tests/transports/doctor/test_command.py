"""`filewarden doctor` on this machine, with the sandbox off as its negative control, and what it judges."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from filewarden.transports.doctor.findings import GOT_THROUGH, WRITERS, State, attack_rows, layer_rows
from filewarden.transports.doctor.view import Answer, as_text
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.doctor_attacks import attacks_of
from filewarden.workers.profile import Role
from filewarden.workers.wire import Report
from tests.drivers.busy import BUSY_S

PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
ROLES: tuple[Role, ...] = ("ro", "rw")
LATE = "loaded when it was somebody else: "
WATCHED = (
    "-c",
    f"""
import os, sys
from filewarden.transports.cli import main

def hear(event, told):
    if event == "import" and os.geteuid() != os.getuid():
        os.write(2, f"{LATE}{{told[0]}}\\n".encode())

sys.addaudithook(hear)
raise SystemExit(main())
""",
)
"""The product, which tells what it loads while its rights are another account's."""
KERNEL_DECIDES = {
    "load a BPF program",
    "use io_uring",
    "use userfaultfd",
    "use the kernel's keys",
    "mount a file system",
}
KERNEL_DECIDES |= {"enter new namespaces", "open a file by its handle", "take 10 GiB of memory"}


def _doctor(
    environ: dict[str, str], *arguments: str, product: tuple[str, ...] = PRODUCT
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *product, "doctor", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=40, check=False)


def _rows(document: dict[str, Any], role: Role = "ro") -> dict[str, dict[str, str]]:
    """By what was tried; the worker that writes has an area of its own."""
    return {row["what"]: row for row in document["rows"] if (row["area"] == WRITERS) == (role == "rw")}


def _report(*active: str, abi: int = 7) -> Report:
    names = ("openat2", "landlock", "seccomp", "namespaces", "no_new_privs", "rlimits", "user")
    layers: dict[str, dict[str, bool | int | str | None]] = {name: {"active": name in active} for name in names}
    layers["landlock"]["abi"] = abi if "landlock" in active else None
    return Report(level="partial", layers=layers, degraded=(), refusal=None)


@pytest.mark.integration
def test_everything_holds_where_the_machine_allows_it_and_it_is_quick(environ: dict[str, str], tree: Path) -> None:
    started = time.monotonic()
    done = _doctor(environ, "--json", "--allow-write", str(tree))
    took_s = time.monotonic() - started
    document = json.loads(done.stdout)
    if document["level"] != "full" and os.environ.get("REQUIRE_SANDBOX_LEVEL") != "full":
        pytest.skip(f"this machine reaches only the level {document['level']}")
    assert (done.returncode, document["exit_status"], document["level"]) == (0, 0, "full")
    of_machine = ("machine", "limits", "clients")  # its limits are whoever's it is
    assert {row["state"] for row in document["rows"] if row["area"] not in of_machine} == {"held"}
    for role in ROLES:
        attacks, rows = attacks_of(role).values(), _rows(document, role)
        assert {attack.title for attack in attacks} < set(rows)
        assert {rows[attack.title]["seen"] for attack in attacks if attack.is_deadly} == {"SIGSYS"}
        assert rows["nothing arrived at the ports that were knocked at"]["seen"] == "0 arrived"
    assert "move a file out of its root" in _rows(document, "rw")
    assert "create a file in a read-only root" not in _rows(document, "rw")
    assert took_s < 10 + BUSY_S


@pytest.mark.integration
def test_it_needs_nothing_of_its_installation_once_it_is_another_account(environ: dict[str, str], tree: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root becomes somebody else")
    done = _doctor(environ, "--json", str(tree), product=WATCHED)
    assert json.loads(done.stdout)["rows"]
    assert LATE not in done.stderr


def test_a_configuration_that_no_server_takes_is_refused(environ: dict[str, str], tree: Path) -> None:
    done = _doctor({**environ, "FILEWARDEN_TOOLS_ONLY": "read_fil"}, str(tree))
    assert (done.returncode, done.stdout) == (2, "")
    assert 'there is no such tool; did you mean "read_file"?' in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="about being started as root")
def test_roots_that_the_workers_account_cannot_read_are_refused(environ: dict[str, str], tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    done = _doctor(environ, str(private))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{private} (drwx------) cannot be read by user" in done.stderr


@pytest.mark.integration
def test_with_the_sandbox_off_the_attacks_get_through_so_the_others_mean_something(
    environ: dict[str, str], tree: Path
) -> None:
    done = _doctor(environ, "--json", "--sandbox", "off", "--allow-write", str(tree))
    document = json.loads(done.stdout)
    assert (done.returncode, document["level"], document["refusal"]) == (0, "off", None)
    needs_root = {"become root again"} if os.geteuid() != 0 else set()
    for role in ROLES:
        attacks, rows = attacks_of(role).values(), _rows(document, role)
        through = {attack.title for attack in attacks if rows[attack.title]["seen"] == "got through"}
        assert through >= {attack.title for attack in attacks} - KERNEL_DECIDES - needs_root
        assert {rows[title]["state"] for title in through} == {"not available"}
        assert rows["nothing arrived at the ports that were knocked at"]["seen"] == "3 arrived"


@pytest.mark.integration
def test_a_person_gets_a_table_and_a_verdict_and_nothing_is_left_behind(environ: dict[str, str], tree: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="fw-") as place:  # shorter than a test's own
        Path(place).chmod(0o755)
        done = _doctor({**environ, "TMPDIR": place}, str(tree))
        assert list(Path(place).iterdir()) == []
    assert "Files outside the roots" in done.stdout
    assert "open a file outside the root" in done.stdout
    assert (
        f"A server with sandbox.mode = 'required' would {'serve' if done.returncode == 0 else 'refuse'}" in done.stdout
    )
    assert done.stderr == ""


@pytest.mark.integration
def test_a_long_temporary_folder_does_not_matter(environ: dict[str, str], tree: Path) -> None:
    place = tree.parent / ("long" * 20)
    place.mkdir()
    document = json.loads(_doctor({**environ, "TMPDIR": str(place)}, "--json", str(tree)).stdout)
    assert document["level"] != "none"
    assert list(place.iterdir()) == []


@pytest.mark.integration
def test_it_needs_no_folder_to_serve(environ: dict[str, str]) -> None:
    document = json.loads(_doctor(environ, "--json").stdout)
    assert document["notes"] == ["no folder to serve is configured yet"]
    assert document["level"] != "none"


@pytest.mark.parametrize("arguments", [("--no-such-flag",), ("--sandbox", "sometimes"), ("/no/such/folder",)])
def test_bad_usage_is_status_2(environ: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = _doctor(environ, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "config error" in done.stderr


@pytest.mark.integration
def test_a_token_that_others_may_read_is_found(environ: dict[str, str], tree: Path) -> None:
    state = Path(environ["XDG_STATE_HOME"]) / "filewarden"
    state.mkdir(parents=True, mode=0o700)
    (state / "token").write_text("secret")
    (state / "token").chmod(0o644)
    done = _doctor(environ, "--json", str(tree))
    row = _rows(json.loads(done.stdout))["the token is ours alone"]
    assert (done.returncode, row["state"]) == (1, "BROKEN")
    assert "0644" in row["seen"]
    assert "secret" not in done.stdout


@pytest.mark.integration
def test_no_server_has_the_tool(server: Any) -> None:
    assert CATALOGUE.find("doctor") is None
    assert "doctor" not in json.dumps(server.request("tools/list"))
    answer = server.request("tools/call", {"name": "doctor", "arguments": {}})
    assert "error" in answer or answer["result"]["isError"]


def test_no_worker_of_a_server_even_knows_the_attacks() -> None:
    program = (
        "import sys; from filewarden.workers.zygote import NOT_FOR_WORKERS, _import_worker_side as load;"
        "from filewarden.workers.catalogue import CATALOGUE; load(NOT_FOR_WORKERS); CATALOGUE.load();"
        "print([name for name in sys.modules if 'doctor' in name], 'filewarden.workers.tools.read_file' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[] True\n"


def test_an_attack_that_gets_through_a_layer_that_stands_is_broken() -> None:
    rows = {
        row.what: row for row in attack_rows(_report("landlock"), {"open_outside": GOT_THROUGH, "tcp": GOT_THROUGH})
    }
    assert rows["open a file outside the root"].state is State.BROKEN
    assert rows["connect over TCP"].state is State.ABSENT
    answer = Answer(server="x", version="1", mode="best-effort", machine={}, rows=list(rows.values()))
    assert answer.exit_status == 1
    assert "BROKEN: open a file outside the root: got through" in as_text(answer)


def test_an_old_landlock_is_not_blamed_for_what_it_cannot_stop() -> None:
    outcomes = {"empty_inside": GOT_THROUGH, "open_outside": "EACCES"}
    old = {row.what: row.state for row in attack_rows(_report("landlock", abi=2), outcomes)}
    assert old["empty a file by reading it"] is State.ABSENT
    assert old["open a file outside the root"] is State.HELD
    new = {row.what: row.state for row in attack_rows(_report("landlock", abi=3), outcomes)}
    assert new["empty a file by reading it"] is State.BROKEN


def test_no_answer_and_an_odd_death_count_as_broken() -> None:
    rows = {row.what: row.state for row in attack_rows(_report(), {"execve": "ended with status -9"})}
    assert rows["run a program"] is State.BROKEN
    assert rows["start a process"] is State.BROKEN


def test_a_missing_layer_shows_its_fix() -> None:
    report = _report("seccomp")
    report.layers["landlock"]["why"] = "not in this kernel: run a newer one"
    rows = {row.what: row for row in layer_rows(report)}
    assert (rows["seccomp"].state, rows["landlock"].state) == (State.HELD, State.ABSENT)
    assert rows["landlock"].why == "not in this kernel: run a newer one"
