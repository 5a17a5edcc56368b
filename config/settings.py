"""The frozen `Settings` tree: every default, every bound, and one sentence on each setting.

Everything else that knows about a setting (flags, variables, messages, the commented file, the schema) is derived from
its field here. `Meta.extra` may carry `flag` (the command-line flag that sets it), `metavar` (how the help calls its
value) and `is_path` (a leading `~` and relative paths are resolved where it is read).
"""

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from filewarden.config.protected import CODE_EXECUTION


def available_cores() -> int:
    """How many cores this process may run on: the affinity mask where the system has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers() -> int:
    """Two to four, by the cores there are."""
    return max(2, min(4, available_cores()))


def default_scan_workers(workers: int | None = None) -> int:
    """All cores but one, so that small reads stay fast; always fewer than there are workers."""
    return min(max(1, available_cores() - 1), (default_workers() if workers is None else workers) - 1)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


class RootSettings(Section, frozen=True, kw_only=True):
    """A folder that is served."""

    path: Annotated[
        str, Meta(min_length=1, max_length=4096, description="The folder to serve.", extra={"is_path": True})
    ]
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="What clients call this root; by default the folder's name, made unique.",
        ),
    ] = ""
    mode: Annotated[
        Literal["ro", "rw"], Meta(description='"ro" serves it for reading only, "rw" offers the write tools too.')
    ] = "ro"
    deny: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...],
        Meta(max_length=1000, description="Globs of what is invisible, unreadable and unwritable in every tool."),
    ] = ()
    links: Annotated[
        Literal["allow", "refuse"],
        Meta(
            description='"refuse" treats a file of several names (hard links) as denied: another name of it may lie '
            "outside the root.",
        ),
    ] = "allow"
    one_filesystem: Annotated[
        bool, Meta(description="Treat what is mounted below the root as denied, bind mounts too.")
    ] = False


class PoolSettings(Section, frozen=True, kw_only=True):
    """The worker processes."""

    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Worker processes for reading; by default one for each core, at least 2 and at most 4.",
            extra={"flag": "--workers", "metavar": "N"},
        ),
    ] = msgspec.field(default_factory=default_workers)
    spares: Annotated[int, Meta(ge=0, le=16, description="Warm, confined workers that wait to take over.")] = 1
    write_workers: Annotated[
        int, Meta(ge=1, le=16, description="Workers of the read-write pool, started only when a root is rw.")
    ] = 1
    scan_workers: Annotated[
        int,
        Meta(
            ge=0,
            le=63,
            description="Workers that may walk and search at the same time, fewer than pool.workers; by default one "
            "less than there are cores; 0 removes the scan tools.",
        ),
    ] = msgspec.field(default_factory=default_scan_workers)
    worker_memory_mb: Annotated[
        int, Meta(ge=64, le=65536, description="Hard limit on the memory of one worker, in megabytes.")
    ] = 256
    recycle_after_calls: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Calls after which a worker is replaced by a fresh one, about.")
    ] = 10000
    start_timeout_s: Annotated[
        float, Meta(ge=0.1, le=300, description="Seconds that a worker may take to become ready.")
    ] = 5.0
    drain_s: Annotated[
        float, Meta(ge=0, le=300, description="Seconds that running calls get when the server is told to stop.")
    ] = 5.0


class DeadlineSettings(Section, frozen=True, kw_only=True):
    """How long calls may take: soft deadlines, the hard one follows after the grace."""

    read_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds for one short read.")] = 10.0
    scan_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds for one walk or search.")] = 20.0
    write_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds for one write.")] = 20.0
    grace_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds past the deadline until the worker is killed.")
    ] = 0.25
    ask_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds that a user has to answer a question of a call.")
    ] = 120.0
    task_after_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds until a scan becomes a task, for clients that can poll tasks."),
    ] = 2.0
    tool: Annotated[
        dict[str, Annotated[float, Meta(gt=0, le=3600)]],
        Meta(max_length=100, description="Seconds for single tools, by the tool's name."),
    ] = {}


class LimitSettings(Section, frozen=True, kw_only=True):
    """How much one call, answer or client may take."""

    max_file_bytes: Annotated[
        int,
        Meta(ge=1, le=67108864, description="Largest file read as a whole; ranges work on files of any size."),
    ] = 1048576
    max_media_bytes: Annotated[
        int,
        Meta(ge=1, le=67108864, description="Largest picture or sound; by default what base64 makes 5 MiB of."),
    ] = 3932160
    max_answer_chars: Annotated[
        int,
        Meta(ge=1000, le=10_000_000, description="Where lists, trees and searches stop and give a cursor instead."),
    ] = 40000
    max_results: Annotated[
        int, Meta(ge=1, le=10000, description="The most matches that one search_files call may ask for.")
    ] = 200
    queue: Annotated[
        int, Meta(ge=1, le=100_000, description="Calls that may wait; further ones are refused as overloaded.")
    ] = 256
    tasks: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Unfinished tasks of one principal; further calls are not made tasks."),
    ] = 32
    task_ttl_s: Annotated[
        float, Meta(ge=1, le=86_400, description="Seconds that a finished task is kept for its client.")
    ] = 600.0
    per_client_in_flight: Annotated[
        int, Meta(ge=1, le=10000, description="Calls of one client that may wait or run at the same time.")
    ] = 32
    max_watches: Annotated[
        int, Meta(ge=1, le=10_000, description="Files and folders that one principal's clients may watch.")
    ] = 1000
    max_message_bytes: Annotated[
        int, Meta(ge=4096, le=268435456, description="Largest message that a client may send.")
    ] = 16777216


class WriteSettings(Section, frozen=True, kw_only=True):
    """How what changes files is kept in check, where a root allows it at all."""

    confirm: Annotated[
        Literal["never", "destructive", "always"],
        Meta(
            description="When the user is asked before a change: never (the root's mode is the approval), before "
            "destructive ones (overwrite, edit, delete, move of folders), or always."
        ),
    ] = "never"
    protect: Annotated[
        Literal["code-execution", "off"],
        Meta(
            description="Refuse changes of what makes other programs run something: writes.protected lists it; "
            '"off" protects nothing.'
        ),
    ] = "code-execution"
    protected: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...],
        Meta(
            max_length=1000,
            description="Globs of what writes.protect protects, in any case of letters; they can be read all the same.",
        ),
    ] = CODE_EXECUTION
    durability: Annotated[
        Literal["full", "rename"],
        Meta(
            description='What a finished change outlives: "full" a loss of power (fsync), "rename" the end of any '
            "process."
        ),
    ] = "full"
    min_free_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000_000,
            description="Free space that is left to others: what would go below it is refused.",
        ),
    ] = 67108864
    max_file_bytes: Annotated[
        int,
        Meta(ge=1, le=67108864, description="Largest file that is edited or appended to."),
    ] = 8388608
    max_bytes_per_minute: Annotated[
        int,
        Meta(ge=0, le=1_000_000_000_000, description="Bytes that one principal may write in a minute; 0 is no limit."),
    ] = 0
    max_files_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Files and folders that one principal may change in a minute; 0 is no limit.",
        ),
    ] = 0


class HistorySettings(Section, frozen=True, kw_only=True):
    """What was there before each change, kept in the state folder so that it can be undone."""

    enabled: Annotated[
        bool, Meta(description="Keep what a change replaces; a change that cannot be undone so is refused.")
    ] = True
    max_bytes: Annotated[
        int,
        Meta(
            ge=65536, le=1_000_000_000_000, description="Size of the history; the oldest changes are forgotten first."
        ),
    ] = 268435456
    max_age_s: Annotated[float, Meta(ge=1, le=315_360_000, description="Seconds until a change is forgotten.")] = (
        2592000.0
    )


class HttpSettings(Section, frozen=True, kw_only=True):
    """The HTTP listener."""

    enabled: Annotated[bool, Meta(description="Serve HTTP instead of stdio.", extra={"flag": "--http"})] = False
    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="Address to listen on; one that is not loopback needs auth.",
            extra={"flag": "--host", "metavar": "H"},
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Port to listen on; 0 takes a free one.",
            extra={"flag": "--port", "metavar": "N"},
        ),
    ] = 8765
    auth: Annotated[
        Literal["token", "none"],
        Meta(
            description='Who may call: holders of the token, or with "none" (loopback only) anyone on this machine.',
            extra={"flag": "--auth"},
        ),
    ] = "token"
    token_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description='Where the token is kept, created at first start; "" is a file in the state folder.',
            extra={"is_path": True},
        ),
    ] = ""
    allowed_origins: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...],
        Meta(max_length=100, description="Web origins that may call, beyond our own."),
    ] = ()
    allowed_hosts: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...],
        Meta(max_length=100, description="Host names that requests may be addressed to, beyond localhost."),
    ] = ()
    issuer: Annotated[
        str,
        Meta(
            max_length=2000,
            description="The OAuth authorization server whose tokens clients bring instead of our own, which is then "
            'for the status pages alone; "" is off.',
        ),
    ] = ""
    jwks_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description="File with the issuer's public keys (a JWK set), read again when it changes; this or "
            "jwks_url goes with an issuer.",
            extra={"is_path": True},
        ),
    ] = ""
    jwks_url: Annotated[
        str,
        Meta(
            max_length=2000,
            description="Where the issuer's public keys are fetched: https, or http on this machine.",
        ),
    ] = ""
    jwks_refresh_s: Annotated[
        float, Meta(ge=10, le=86400, description="Seconds until the issuer's keys are fetched again.")
    ] = 300.0
    resource: Annotated[
        str,
        Meta(
            max_length=2000,
            description='The address of /mcp as clients have it, which tokens must be issued for; "" is made of host '
            "and port.",
        ),
    ] = ""
    algorithms: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=20)], ...],
        Meta(
            min_length=1, max_length=20, description="How tokens may be signed: RS, PS or ES with 256, 384, 512; EdDSA."
        ),
    ] = ("RS256", "PS256", "ES256", "EdDSA")
    required_scopes: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(
            max_length=20,
            description="Scopes that every request needs of the issuer's token; files:write counts as files:read.",
        ),
    ] = ("files:read",)
    sealing_keys_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description="File with the keys that cursors are sealed with, one a line: the first seals, all open; "
            '"" makes one at every start.',
            extra={"is_path": True},
        ),
    ] = ""
    max_sessions: Annotated[int, Meta(ge=1, le=10000, description="Sessions that may be open at the same time.")] = 100
    session_idle_s: Annotated[
        float, Meta(ge=1, le=604800, description="Seconds without a request until a session is closed.")
    ] = 1800.0
    always_stream: Annotated[
        bool, Meta(description="Answer a session's requests by events, also where plain JSON would do.")
    ] = False
    poll_after_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=3600,
            description="Seconds that a call may stay silent until its event stream is closed, and its client polls.",
        ),
    ] = 30.0


class StatusSettings(Section, frozen=True, kw_only=True):
    """Where the state of the server can be looked at."""

    address: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=300,
            description='"auto": the HTTP listener, or a private Unix socket beside stdio; else "host:port" or "off".',
            extra={"flag": "--status", "metavar": "ADDRESS|off"},
        ),
    ] = "auto"


class SandboxSettings(Section, frozen=True, kw_only=True):
    """How workers are confined."""

    mode: Annotated[
        Literal["required", "best-effort", "off"],
        Meta(
            description='"required" never serves from a worker that is not confined, "best-effort" does and says so.',
            extra={"flag": "--sandbox"},
        ),
    ] = "required"
    user: Annotated[
        str,
        Meta(
            max_length=255,
            description='The user that workers become when started as root; "" is the owner of the first root, '
            "or a nobody-like user where that is root.",
        ),
    ] = ""


class AuditSettings(Section, frozen=True, kw_only=True):
    """The record of calls."""

    file: Annotated[
        str,
        Meta(max_length=4096, description='File with one line for each call; "" is off.', extra={"is_path": True}),
    ] = ""
    on_error: Annotated[
        Literal["refuse", "continue"],
        Meta(
            description='While the file cannot be written: "refuse" runs no call, "continue" runs them and counts the '
            "lines that are lost."
        ),
    ] = "refuse"
    max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1099511627776,
            description="Size at which the file is put aside as FILE.1 and a new one begun; 0 lets it grow.",
        ),
    ] = 67108864
    keep: Annotated[
        int, Meta(ge=1, le=20, description="Files put aside that are kept; the oldest beyond them is removed.")
    ] = 10


class LogSettings(Section, frozen=True, kw_only=True):
    """What the server says about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least grave messages that are logged.", extra={"flag": "--log-level"}),
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Meta(description="How a log line is written.", extra={"flag": "--log-format"})
    ] = "text"
    file: Annotated[
        str, Meta(max_length=4096, description='File for the log; "" is stderr.', extra={"is_path": True})
    ] = ""


class Settings(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    roots: tuple[RootSettings, ...] = ()
    pool: PoolSettings = msgspec.field(default_factory=PoolSettings)
    deadlines: DeadlineSettings = msgspec.field(default_factory=DeadlineSettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    writes: WriteSettings = msgspec.field(default_factory=WriteSettings)
    history: HistorySettings = msgspec.field(default_factory=HistorySettings)
    http: HttpSettings = msgspec.field(default_factory=HttpSettings)
    status: StatusSettings = msgspec.field(default_factory=StatusSettings)
    sandbox: SandboxSettings = msgspec.field(default_factory=SandboxSettings)
    audit: AuditSettings = msgspec.field(default_factory=AuditSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
