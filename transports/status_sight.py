"""The servers of this user at one look, as lines and rows for a person, or as JSON. Pure."""

from collections.abc import Iterator

import msgspec

from filewarden.broker.pool import Kind
from filewarden.broker.status import (
    AuditStatus,
    ConfigurationStatus,
    FrontEndStatus,
    ProfileStatus,
    Status,
    TelemetryStatus,
    WorkerStatus,
)
from filewarden.config.errors import printable

MEBIBYTE = 1024 * 1024
MOST_CLIENTS = 3
"""Who is named by the calls that they have in flight."""
MOST_ROOTS = 4
LONGEST_PROBLEM_CHARS = 500
NO_SERVER = "No server of yours is running. Start one with: filewarden serve DIR"
OTHER_VERSION = "A server of another version runs; filewarden status --json shows its document."
HEADINGS = ("slot", "pid", "state", "tool", "busy", "memory", "cpu", "calls", "restarts", "last exit")


class Sight(msgspec.Struct):
    """What was found at one look."""

    documents: list[bytes]
    silent: list[int]
    """The process ids of servers that do not answer."""

    @property
    def statuses(self) -> list[Status | None]:
        """None for a server of another version."""
        return [_read(document) for document in self.documents]

    @property
    def complaints(self) -> list[str]:
        """A sentence for whatever cannot be shown."""
        sentences = [
            f"The server with process id {pid} does not answer: it is stopped, or hangs." for pid in self.silent
        ]
        return sentences + [OTHER_VERSION for status in self.statuses if status is None]

    @property
    def is_empty(self) -> bool:
        """Whether no server runs."""
        return not self.documents and not self.silent


def json_line(sight: Sight) -> str:
    """An array of every document, on one line."""
    return "[" + ",".join(document.decode().strip() for document in sight.documents) + "]\n"


def plain(sight: Sight) -> str:
    """A paragraph and a table for each server."""
    return "".join("\n".join(_lines(status)) + "\n\n" for status in sight.statuses if status is not None)


def _read(document: bytes) -> Status | None:
    try:
        return msgspec.json.decode(document, type=Status)
    except msgspec.DecodeError:
        return None


def _lines(status: Status) -> Iterator[str]:
    yield from headlines(status)
    rows = [HEADINGS, *(row_of(worker) for worker in status.workers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def headlines(status: Status) -> Iterator[str]:
    """What is said of a server above its workers."""
    process = f"process {status.front_end.pid}, " if isinstance(status.front_end, FrontEndStatus) else ""
    yield (
        f"{status.server} {status.version}: {status.status}, {status.transport}, {process}up {status.uptime_s:.0f} s, "
        f"sandbox {status.sandbox.level} ({status.sandbox.mode})"
    )
    if status.roots:
        yield _roots_line(status)
    yield from (f"  problem: {printable(sentence)}" for sentence in status.problems)
    yield from (f"  note: {printable(sentence)}" for sentence in status.sandbox.degraded)
    calls, pool = status.calls, status.pool
    yield (
        f"  calls {calls.total}, errors {calls.errors}, timeouts {calls.timeouts}, cancelled {calls.cancelled}; "
        f"waiting {status.queue.depth} of {status.queue.limit}; "
        f"ready {pool.ready} of {pool.size}, spares {pool.spares}, restarts {pool.restarts_total}"
    )
    refused = ", ".join(f"{reason} {count}" for reason, count in status.refusals.items() if count)
    if refused:
        yield f"  refused before a worker saw it: {printable(refused)}"
    yield from (_profile_line(profile) for profile in status.profiles)
    yield from _configuration_lines(status.configuration)
    if status.client_list:
        yield _clients_line(status)
    if isinstance(status.audit, AuditStatus):
        yield _audit_line(status.audit)
    if isinstance(status.telemetry, TelemetryStatus):
        yield _telemetry_line(status.telemetry)


def _roots_line(status: Status) -> str:
    named = ", ".join(f"{printable(root.path)} ({root.mode})" for root in status.roots[:MOST_ROOTS])
    more = f" and {len(status.roots) - MOST_ROOTS} more" if len(status.roots) > MOST_ROOTS else ""
    at = f" at {printable(', '.join(status.addresses))}" if status.addresses else ""
    return f"  serves {named}{more}{at}"


def _profile_line(profile: ProfileStatus) -> str:
    name = f"profile {profile.name}" if profile.name else "outside of profiles"
    return (
        f"  {printable(name)}: {printable(profile.state)}, ready {profile.ready} of {profile.workers}, "
        f"clients {profile.clients}, calls {profile.calls_total}, errors {profile.errors_total}, "
        f"waiting {profile.waiting}"
    )


def _configuration_lines(configuration: ConfigurationStatus) -> Iterator[str]:
    """What of the file does not count; nothing where all of it does."""
    if configuration.problem is not None:
        count, *problems = configuration.problem.splitlines() or [""]
        yield f"  the latest reload was refused: {printable(count)}"
        yield from (f"    {printable(problem.strip(), LONGEST_PROBLEM_CHARS)}" for problem in problems)
    if configuration.needs_restart:
        yield f"  waits for a restart: {printable(', '.join(configuration.needs_restart))}"


def _clients_line(status: Status) -> str:
    """How many there are, and those that keep the server busy most."""
    total = status.clients.stdio + status.clients.http + status.clients.sse
    greedy = sorted(status.client_list, key=lambda client: client.in_flight, reverse=True)[:MOST_CLIENTS]
    busy = ", ".join(f"{each.id} {each.name} {each.in_flight}".replace("  ", " ") for each in greedy if each.in_flight)
    return f"  clients {total}" + (f"; in flight: {printable(busy)}" if busy else "")


def _telemetry_line(telemetry: TelemetryStatus) -> str:
    lost = f", {telemetry.lost_total} lost" if telemetry.lost_total else ""
    trouble = f": they cannot be sent ({printable(telemetry.reason)})" if telemetry.reason else ""
    return f"  traces {telemetry.exported_total} sent{lost}{trouble}"


def _audit_line(audit: AuditStatus) -> str:
    lost = f", {audit.lost_total} lost" if audit.lost_total else ""
    trouble = f": it cannot be written ({audit.reason}), on_error is {audit.on_error}" if audit.reason else ""
    return f"  audit log {audit.state}, {audit.lines_total} lines{lost}{trouble}"


def row_of(worker: WorkerStatus) -> tuple[str, ...]:
    """One worker, by the headings."""
    return (
        _place_of(worker),
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


def _place_of(worker: WorkerStatus) -> str:
    slot = f"{worker.slot} (writes)" if worker.pool is Kind.WRITING else str(worker.slot)
    return f"{printable(worker.profile)} {slot}" if isinstance(worker.profile, str) else slot
