"""The table of MCP revisions: what each one has, names and requires; a new revision is a new row.

Versions are opaque strings. They happen to be dates, but nothing here orders them by reading one.
"""

from enum import StrEnum

import msgspec


class Era(StrEnum):
    """Whether a connection opens with `initialize`, or every request brings its own metadata."""

    LEGACY = "legacy"
    MODERN = "modern"


LEGACY, MODERN = Era
"""By plain names, which are quicker to look up."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One published revision."""

    name: str
    era: Era = Era.LEGACY
    has_batches: bool = False
    sends_null_id: bool = False
    """An error without a readable id says `id: null`; later schemas forbid null and let the member be absent."""
    has_audio: bool = False
    has_tool_annotations: bool = False
    has_progress_message: bool = False
    has_completions_capability: bool = False
    has_titles: bool = False
    has_object_meta: bool = False
    """`_meta` on tools, content and tool results."""
    has_structured_content: bool = False
    """`structuredContent`, and `outputSchema` with it."""
    has_any_structured_root: bool = False
    """Structured content may be any JSON value, not only an object."""
    has_resource_links: bool = False
    has_completion_context: bool = False
    has_elicitation: bool = False
    has_icons: bool = False
    """Icons, and description and websiteUrl of the server."""
    primes_streams: bool = False
    """An SSE stream opens with an event that has an id and no data."""
    has_result_type: bool = False
    has_cache_fields: bool = False
    has_extensions: bool = False
    resource_not_found: int = -32002


V2024_11_05 = Revision(name="2024-11-05", sends_null_id=True)

V2025_03_26 = Revision(
    name="2025-03-26",
    has_batches=True,
    sends_null_id=True,
    has_audio=True,
    has_tool_annotations=True,
    has_progress_message=True,
    has_completions_capability=True,
)

V2025_06_18 = Revision(
    name="2025-06-18",
    sends_null_id=True,
    has_audio=True,
    has_tool_annotations=True,
    has_progress_message=True,
    has_completions_capability=True,
    has_titles=True,
    has_object_meta=True,
    has_structured_content=True,
    has_resource_links=True,
    has_completion_context=True,
    has_elicitation=True,
)

V2025_11_25 = Revision(
    name="2025-11-25",
    has_audio=True,
    has_tool_annotations=True,
    has_progress_message=True,
    has_completions_capability=True,
    has_titles=True,
    has_object_meta=True,
    has_structured_content=True,
    has_resource_links=True,
    has_completion_context=True,
    has_elicitation=True,
    has_icons=True,
    primes_streams=True,
)

V2026_07_28 = Revision(
    name="2026-07-28",
    era=Era.MODERN,
    has_audio=True,
    has_tool_annotations=True,
    has_progress_message=True,
    has_completions_capability=True,
    has_titles=True,
    has_object_meta=True,
    has_structured_content=True,
    has_any_structured_root=True,
    has_resource_links=True,
    has_completion_context=True,
    has_elicitation=True,
    has_icons=True,
    has_result_type=True,
    has_cache_fields=True,
    has_extensions=True,
    resource_not_found=-32602,
)

REVISIONS = {each.name: each for each in (V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28)}

MODERN_VERSIONS = tuple(each.name for each in reversed(REVISIONS.values()) if each.era is Era.MODERN)
"""Newest first: a client takes one of these for its next request."""
OLDEST = V2024_11_05
NEWEST_LEGACY = V2025_11_25


def negotiate(requested: str) -> Revision:
    """Answer an `initialize`: the revision asked for, or our newest that a handshake can select."""
    found = REVISIONS.get(requested, NEWEST_LEGACY)
    return found if found.era is Era.LEGACY else NEWEST_LEGACY
