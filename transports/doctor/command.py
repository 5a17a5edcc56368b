"""The `doctor` command: attack a real worker of this machine from inside, and say layer by layer what held."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from filewarden.broker.account import Account, account_for
from filewarden.config.errors import ConfigError
from filewarden.config.load import NO_ROOT, Loaded, load, served
from filewarden.config.profiles import all_roots
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings
from filewarden.config.version import NAME, VERSION
from filewarden.transports.checks import checked
from filewarden.transports.commands.reading import Arguments
from filewarden.transports.doctor.client_rows import client_rows
from filewarden.transports.doctor.findings import WRITERS, Row, attack_rows, layer_rows, outside_rows, visitors_row
from filewarden.transports.doctor.limits import limit_rows
from filewarden.transports.doctor.machine import machine_facts
from filewarden.transports.doctor.own_files import own_file_rows
from filewarden.transports.doctor.playground import Playground
from filewarden.transports.doctor.view import Answer, as_json, as_text
from filewarden.transports.doctor.worker import NoWorkerError, Subject, Ward
from filewarden.transports.exit_status import EXIT_USAGE
from filewarden.workers.doctor_attacks import Attack, attacks_of
from filewarden.workers.profile import Role
from filewarden.workers.wire import Report

LONGEST_PARENT = 60
_SIGNALS = {-31: "SIGSYS"}


def run_doctor(arguments: Arguments) -> int:
    """Examine this machine and print what was found; the exit status."""
    started = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            answer = _examine(arguments.rest, os.environ, stack)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    answer = msgspec.structs.replace(answer, took_s=round(time.monotonic() - started, 3))
    sys.stdout.write(as_json(answer) if arguments.as_json else as_text(answer))
    sys.stdout.flush()
    return answer.exit_status


def _examine(flags: Sequence[str], environ: Mapping[str, str], stack: contextlib.ExitStack) -> Answer:
    place = _temporary_folder()
    stack.callback(shutil.rmtree, place, ignore_errors=True)
    loaded, notes = _load(flags, environ, place)
    mode = loaded.settings.sandbox.mode
    answer = Answer(server=NAME, version=VERSION, mode=mode, machine=machine_facts(), notes=notes)
    account = account_for(loaded.settings)
    if not notes:
        loaded = checked(loaded, account)
    answer.rows.extend(own_file_rows(loaded, environ))
    answer.rows.extend(limit_rows(loaded.settings))
    answer.rows.extend(client_rows(environ))
    ground = Playground(place, account)
    stack.callback(ground.close)
    _examine_worker(answer, _grounded(loaded.settings, ground, "ro"), account, ground)
    if any(root.mode == "rw" for root in all_roots(loaded.settings)) and answer.layers:
        _examine_writer(answer, _grounded(loaded.settings, ground, "rw"), account, ground)
    return answer


def _grounded(settings: Settings, ground: Playground, mode: Literal["ro", "rw"]) -> Settings:
    return msgspec.structs.replace(settings, roots=(RootSettings(name="root", path=ground.root, mode=mode),))


def _temporary_folder() -> str:
    """With a path short enough for a socket (unix(7): 107 bytes) in it."""
    usual = tempfile.gettempdir()
    parent = usual if len(os.fsencode(usual)) <= LONGEST_PARENT else "/tmp"  # noqa: S108 - mkdtemp makes it private
    return tempfile.mkdtemp(prefix="filewarden-doctor-", dir=parent)


def _load(flags: Sequence[str], environ: Mapping[str, str], place: str) -> tuple[Loaded, list[str]]:
    """The settings; a machine without a folder to serve yet can be examined too."""
    try:
        return served(load(flags, environ)), []
    except ConfigError as error:
        if [problem.sentence for problem in error.problems] != [NO_ROOT]:
            raise
        return load([*flags, place], environ), ["no folder to serve is configured yet"]


def _examine_worker(answer: Answer, settings: Settings, account: Account | None, ground: Playground) -> None:
    """First as a server would start it, which decides; where that is refused, by force, to see what holds anyway."""
    try:
        report, rows = _attack(settings, account, ground)
        if report.refusal is not None:
            answer.refusal = report.refusal
            report, rows = _attack(_relaxed(settings), account, ground)
    except NoWorkerError as error:
        answer.refusal = answer.refusal or str(error)
        return
    answer.level, answer.degraded, answer.layers = report.level, report.degraded, report.layers
    answer.rows[:0] = rows


def _examine_writer(answer: Answer, settings: Settings, account: Account | None, ground: Playground) -> None:
    """A worker that writes has other rights, and no other way out of its root."""
    try:
        report, rows = _attack(settings if answer.refusal is None else _relaxed(settings), account, ground, "rw")
    except NoWorkerError as error:
        answer.refusal = answer.refusal or str(error)
        return
    answer.refusal = answer.refusal or report.refusal
    answer.rows.extend(rows)


def _relaxed(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, sandbox=msgspec.structs.replace(settings.sandbox, mode="best-effort"))


def _attack(
    settings: Settings, account: Account | None, ground: Playground, role: Role = "ro"
) -> tuple[Report, list[Row]]:
    """The worker's report and a row for everything; only the report where it must not serve.

    Raises:
        NoWorkerError: there is none to attack from.
    """
    ward = Ward(settings, account, role)
    try:
        attacker, sibling = ward.start(2)
        report = attacker.report
        if report is None or report.refusal is not None:
            return report or Report(level="paths-only", layers={}, degraded=(), refusal="no report"), []
        seen_outside = list(outside_rows(attacker.pid, report)) if role == "ro" else []
        outcomes = _outcomes(ward, attacker, sibling, ground, attacks_of(role))
    finally:
        ward.close()
    rows = attack_rows(report, outcomes, role)
    if role == "rw":
        return report, [*rows, visitors_row(ground.visitors(), report, WRITERS)]
    return report, [*layer_rows(report), *rows, visitors_row(ground.visitors(), report), *seen_outside]


def _outcomes(
    ward: Ward, attacker: Subject, sibling: Subject, ground: Playground, attacks: Mapping[str, Attack]
) -> dict[str, str]:
    """What came of each attack: the harmless ones are made by one worker, each deadly one by a worker of its own."""
    harmless = [name for name, attack in attacks.items() if not attack.is_deadly]
    deadly = [name for name, attack in attacks.items() if attack.is_deadly]
    ward.attack([(attacker, ground.orders(harmless, sibling.pid))])
    doomed = ward.start(len(deadly))
    ward.attack([(one, ground.orders([name], sibling.pid)) for one, name in zip(doomed, deadly, strict=True)])
    outcomes = dict(attacker.findings.outcomes) if attacker.findings is not None else {}
    for one, name in zip(doomed, deadly, strict=True):
        outcomes |= {name: _ending(one.status)} if one.findings is None else one.findings.outcomes
    return outcomes


def _ending(status: int | None) -> str:
    """An attacker that ran another program ended well."""
    if status == 0:
        return "ok"
    return _SIGNALS.get(status or 0, f"ended with status {status}")
