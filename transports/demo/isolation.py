"""The act of the demonstration that shows isolation: four kinds of trouble while small reads go on beside them."""

import contextlib
import os
import signal
import threading
import time

from filewarden.transports.demo.client import Answer, Client
from filewarden.transports.demo.facts import DemoFailure, Facts
from filewarden.transports.demo.http_client import Address, Pages, StreamableWire
from filewarden.transports.demo.playground import (
    BOMB_PATTERN,
    NAMES_FOLDER,
    PIPE,
    SMALL_BYTES,
    SMALL_FILE,
    TREE_FOLDER,
    TREE_PATTERN,
)
from filewarden.transports.demo.reads import SmallReads
from filewarden.transports.demo.report import Report, milliseconds

READ_S, SCAN_S, GRACE_S = 1.0, 0.5, 0.25
SETTINGS = f"""[pool]
drain_s = 1.0
[deadlines]
read_s = {READ_S}
scan_s = {SCAN_S}
grace_s = {GRACE_S}
"""
QUIET_S = 1.5
AT_ONCE_S = 0.25
LATE_S = 0.25  # how much later than its hard deadline a caller may have its answer
REPLACED_S = 3.0
LOOK_S = 0.002
ATTEMPTS = 3


class Isolation:
    """Makes trouble on the server at `address`, whose root is the playground."""

    def __init__(self, report: Report, address: Address) -> None:
        self._report = report
        self._address = address
        self._pages = Pages(address)
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._pages.close)
        self._client = self._connect()
        self._reads = SmallReads(self._connect(), SMALL_FILE, SMALL_BYTES)
        self._stack.callback(self._reads.stop)

    def close(self) -> None:
        """Stop what goes on and hang up."""
        self._stack.close()

    def show(self) -> None:
        """Play the whole act."""
        self._reads.start()
        time.sleep(QUIET_S)
        for phase, trouble in (
            ("named pipe", self._named_pipe),
            ("runaway scan", self._runaway_scan),
            ("pattern bomb", self._pattern_bomb),
            ("frozen worker", self._frozen_worker),
        ):
            self._reads.phase = phase
            try:
                trouble()
            except DemoFailure as failure:
                self._report.claim(f"{phase}: {failure}", False)
        self._reads.stop()
        self._show_reads()

    def _named_pipe(self) -> None:
        answer = self._client.call("read_file", path=PIPE)
        self._report.claim(
            f"a pipe without a writer is refused at once: {answer.error or 'no error'}, "
            f"{milliseconds(answer.elapsed_s)}",
            answer.error == "unsupported" and answer.elapsed_s < AT_ONCE_S,
        )

    def _runaway_scan(self) -> None:
        answer = self._scan()
        partial = not answer.error and answer.facts.flag("truncated") and answer.facts.has("next_cursor")
        self._report.claim(
            f"a runaway search stops at its soft deadline of {milliseconds(SCAN_S)}: "
            f"{'partial answer with a cursor' if partial else answer.error or 'a complete answer'}, "
            f"{milliseconds(answer.elapsed_s)}",
            partial and answer.elapsed_s < SCAN_S + GRACE_S,
        )
        if not partial:
            return
        cursor = answer.facts.text("next_cursor")
        more = self._scan(cursor=cursor)
        further = not more.error and (not more.facts.has("next_cursor") or more.facts.text("next_cursor") != cursor)
        outcome = more.error or "further than before"
        self._report.claim(f"and goes on where it stopped: {outcome}, {milliseconds(more.elapsed_s)}", further)

    def _pattern_bomb(self) -> None:
        answer = self._client.call("search_files", path=NAMES_FOLDER, pattern=BOMB_PATTERN, recursive=True)
        bounded = answer.elapsed_s < SCAN_S + GRACE_S + LATE_S
        outcome = answer.error or f"{answer.facts.count('total')} matches"
        self._report.claim(f"a pattern bomb is harmless: {outcome}, {milliseconds(answer.elapsed_s)}", bounded)

    def _frozen_worker(self) -> None:
        restarts = self._status().part("pool").count("restarts_total")
        frozen, answer = self._freeze_and_wait()
        slot = frozen.count("slot")
        limit_s = SCAN_S + GRACE_S
        self._report.claim(
            f"a worker frozen with SIGSTOP is killed at its hard deadline of {milliseconds(limit_s)}: "
            f"{answer.error or 'no error'}, {milliseconds(answer.elapsed_s)}",
            answer.error == "timeout" and answer.elapsed_s < limit_s + LATE_S,
        )
        fresh = self._replacement(slot, frozen.count("pid"))
        counted = self._status().part("pool").count("restarts_total") - restarts
        self._report.claim(
            f"and replaced (slot {slot}: pid {frozen.count('pid')} -> {fresh.count('pid')}, {fresh.text('state')}; "
            f"last exit {fresh.text('last_exit')}; restarts counted: {counted})",
            counted == 1 and fresh.count("restarts") == frozen.count("restarts") + 1,
        )

    def _replacement(self, slot: int, former_pid: int) -> Facts:
        give_up = time.monotonic() + REPLACED_S
        while time.monotonic() < give_up:
            row = self._slot(slot)
            if row.text("state") == "idle" and row.has("pid") and row.count("pid") != former_pid:
                return row
            time.sleep(LOOK_S)
        raise DemoFailure(f"slot {slot} has no idle worker {REPLACED_S:.0f} s after its worker was frozen")

    def _freeze_and_wait(self) -> tuple[Facts, Answer]:
        """Freeze a worker in the middle of a scan; the slot as it was then, and what the caller was told.

        A scan may end before it is found, so this is tried more than once.
        """
        for attempt in range(ATTEMPTS):
            answers: list[Answer | DemoFailure] = []
            client = self._connect()
            thread = threading.Thread(target=_collect, args=(client, f"{TREE_PATTERN}{attempt}*", answers), daemon=True)
            thread.start()
            frozen = self._freeze_busy(thread)
            thread.join()
            if isinstance(answers[0], DemoFailure):
                raise answers[0]
            if frozen is not None:
                return frozen, answers[0]
        raise DemoFailure(f"no scanning worker was seen in /status in {ATTEMPTS} attempts")

    def _freeze_busy(self, scanning: threading.Thread) -> Facts | None:
        while scanning.is_alive():
            for row in self._status().parts("workers"):
                if row.text("state") == "busy" and row.has("tool") and row.text("tool") == "search_files":
                    return row if _stop(row.count("pid")) else None
            time.sleep(LOOK_S)
        return None

    def _show_reads(self) -> None:
        rows = []
        for phase in self._reads.phases():
            taken = self._reads.latencies(phase)
            if taken.reads > 1:
                figures = (taken.median_s, taken.p99_s, taken.slowest_s)
                rows.append([phase, str(taken.reads), *(milliseconds(figure) for figure in figures)])
        self._report.gap()
        self._report.table(["small reads meanwhile", "count", "median", "p99", "slowest"], rows)
        before, during = self._reads.latencies("before"), self._reads.latencies()
        failures = self._reads.failures
        self._report.claim(
            f"all {before.reads + during.reads} small reads got their file" + (f": {failures[0]}" if failures else ""),
            not failures and min(before.reads, during.reads) > 0,
        )
        self._report.claim(
            f"none waited for anybody else's deadline: slowest {milliseconds(during.slowest_s)}",
            0 < during.slowest_s < SCAN_S,
        )

    def _scan(self, **more: object) -> Answer:
        return self._client.call("search_files", path=TREE_FOLDER, pattern=TREE_PATTERN, recursive=True, **more)

    def _status(self) -> Facts:
        return self._pages.fetch("/status")

    def _slot(self, slot: int) -> Facts:
        for row in self._status().parts("workers"):
            if row.count("slot") == slot:
                return row
        raise DemoFailure(f"/status has no slot {slot} any more")

    def _connect(self) -> Client:
        client = Client(StreamableWire(self._address))
        self._stack.callback(client.close)
        client.greet()
        return client


def _collect(client: Client, pattern: str, answers: list[Answer | DemoFailure]) -> None:
    try:
        answers.append(client.call("search_files", path=TREE_FOLDER, pattern=pattern, recursive=True))
    except DemoFailure as failure:
        answers.append(failure)


def _stop(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    return True
