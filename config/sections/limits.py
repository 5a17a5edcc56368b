"""The `[limits]` table: how much one call, answer or client may take."""

from typing import Annotated

from msgspec import Meta

from filewarden.config.sections.section import Section


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
        int,
        Meta(
            ge=1,
            le=10000,
            description="Calls of one client (a session, or with 2026-07-28 a connection) that may wait or run at the "
            "same time.",
        ),
    ] = 32
    max_watches: Annotated[
        int, Meta(ge=1, le=10_000, description="Files and folders that one principal's clients may watch.")
    ] = 1000
    max_message_bytes: Annotated[
        int, Meta(ge=4096, le=268435456, description="Largest message that a client may send.")
    ] = 16777216
