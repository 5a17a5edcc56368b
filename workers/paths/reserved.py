"""The names that writing makes for itself in a client's folders; where a root is writable, no client meets them."""

DRAFT_PREFIX = b".filewarden-draft-"
NAME_DIGITS = 32
TRASH = b".filewarden-trash"
DENIED = (".filewarden-draft-*", ".filewarden-trash")
"""As deny rules, which hold in every tool."""


def is_draft(name: bytes) -> bool:
    """Whether a name is one that drafts have."""
    digits = name.removeprefix(DRAFT_PREFIX)
    return name.startswith(DRAFT_PREFIX) and len(digits) == NAME_DIGITS and not digits.strip(b"0123456789abcdef")
