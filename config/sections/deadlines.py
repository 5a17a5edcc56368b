"""The `[deadlines]` table: how long calls may take."""

from typing import Annotated

import msgspec
from msgspec import Meta

from filewarden.config.sections.section import Section


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
        Meta(
            gt=0,
            le=3600,
            description="Seconds until a call becomes a task for clients that can poll tasks, where its tool allows "
            "that; none of the built-in ones does yet.",
        ),
    ] = 2.0
    tool: Annotated[
        dict[str, Annotated[float, Meta(gt=0, le=3600)]],
        Meta(max_length=100, description="Seconds for single tools, by the tool's name."),
    ] = msgspec.field(default_factory=dict)
