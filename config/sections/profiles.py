"""The `[[profiles]]` tables: what some principals are served, apart from everybody else."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.sections.history import HistorySettings
from filewarden.config.sections.limits import LimitSettings
from filewarden.config.sections.pool import PoolSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.sections.section import Section
from filewarden.config.sections.tools import ToolSettings
from filewarden.config.sections.writes import WriteSettings


class ProfileSettings(Section, frozen=True, kw_only=True):
    """Roots, tools, limits and workers of some principals; whatever it does not say is as outside of it."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=32,
            description="What it is called in the status, metrics and audit log: a-z, 0-9, - and _.",
        ),
    ]
    principals: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...],
        Meta(
            max_length=1000,
            description='Who is served by it: "token:NAME" the holder of a named token, "oauth:SUBJECT" a subject of '
            "http.issuer, with * for any characters.",
        ),
    ] = ()
    start: Annotated[
        Literal["first-call", "server"],
        Meta(description="When its workers are started: when they are needed first, or with the server."),
    ] = "first-call"
    roots: tuple[RootSettings, ...] = ()
    pool: PoolSettings = msgspec.field(default_factory=PoolSettings)
    deadlines: DeadlineSettings = msgspec.field(default_factory=DeadlineSettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    writes: WriteSettings = msgspec.field(default_factory=WriteSettings)
    history: HistorySettings = msgspec.field(default_factory=HistorySettings)
    tools: ToolSettings = msgspec.field(default_factory=ToolSettings)


OVERRIDDEN = ("pool", "deadlines", "limits", "writes", "history", "tools")
"""The tables that a profile may have of its own."""
OF_THE_SERVER = ("pool.drain_s", "limits.max_message_bytes", "tools.plugins")
"""Their settings that are the same for all profiles: they are about listeners, the end, and what is imported."""
