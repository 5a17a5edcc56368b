"""The `status` command: the servers of this user, as a table or as JSON."""

import os
import sys
from collections.abc import Iterator, Sequence

import msgspec

from filewarden.broker.pool import Kind
from filewarden.broker.status import AuditStatus, Status, WorkerStatus
from filewarden.config.errors import ConfigError
from filewarden.config.folders import runtime_folder
from filewarden.transports.discovery import find
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE

ANSWER_TIMEOUT_S = 2.0
MEBIBYTE = 1024 * 1024
HEADINGS = ("slot", "pid", "state", "tool", "busy", "memory", "cpu", "calls", "restarts", "last exit")


def show_status(arguments: Sequence[str]) -> int:
    """Print every server that answers; exit status 1 when there is none."""
    if any(argument != "--json" for argument in arguments):
        sys.stderr.write("usage: filewarden status [--json]\n")
        return EXIT_USAGE
    try:
        documents, silent = find(runtime_folder(os.environ, os.geteuid()), ANSWER_TIMEOUT_S)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    for pid in silent:
        sys.stderr.write(f"The server with process id {pid} does not answer: it is stopped, or hangs.\n")
    if arguments:
        sys.stdout.write("[" + ",".join(document.decode().strip() for document in documents) + "]\n")
        return EXIT_OK
    if not documents and not silent:
        sys.stderr.write("No server of yours is running. Start one with: filewarden serve DIR\n")
        return EXIT_FAILURE
    for document in documents:
        try:
            status = msgspec.json.decode(document, type=Status)
        except msgspec.DecodeError:
            sys.stderr.write("A server of another version runs; filewarden status --json shows its document.\n")
            continue
        sys.stdout.write("\n".join(_lines(status)) + "\n\n")
    return EXIT_FAILURE if silent else EXIT_OK


def _lines(status: Status) -> Iterator[str]:
    yield (
        f"{status.server} {status.version}: {status.status}, {status.transport}, up {status.uptime_s:.0f} s, "
        f"sandbox {status.sandbox.level} ({status.sandbox.mode})"
    )
    yield from (f"  note: {sentence}" for sentence in status.sandbox.degraded)
    calls, pool = status.calls, status.pool
    yield (
        f"  calls {calls.total}, errors {calls.errors}, timeouts {calls.timeouts}, cancelled {calls.cancelled}; "
        f"waiting {status.queue.depth} of {status.queue.limit}; "
        f"ready {pool.ready} of {pool.size}, spares {pool.spares}, restarts {pool.restarts_total}"
    )
    if isinstance(status.audit, AuditStatus):
        yield _audit_line(status.audit)
    rows = [HEADINGS, *(_row(worker) for worker in status.workers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _audit_line(audit: AuditStatus) -> str:
    lost = f", {audit.lost_total} lost" if audit.lost_total else ""
    trouble = f": it cannot be written ({audit.reason}), on_error is {audit.on_error}" if audit.reason else ""
    return f"  audit log {audit.state}, {audit.lines_total} lines{lost}{trouble}"


def _row(worker: WorkerStatus) -> tuple[str, ...]:
    return (
        f"{worker.slot} (writes)" if worker.pool is Kind.WRITING else str(worker.slot),
        str(worker.pid or "-"),
        worker.state.value,
        worker.tool or "-",
        "-" if worker.busy_ms is None else f"{worker.busy_ms:.0f} ms",
        f"{worker.rss_bytes / MEBIBYTE:.0f} MiB",
        f"{worker.cpu_percent:.0f} %",
        str(worker.calls_total),
        str(worker.restarts),
        worker.last_exit.value if worker.last_exit else "-",
    )
