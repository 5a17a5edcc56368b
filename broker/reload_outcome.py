"""What became of a reload, for whoever asked for it."""

import msgspec


class ReloadOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The latest one. Sentences and keys, as the configuration file has them."""

    edition: int
    """The one in force; 1 is that of the start."""
    problem: str | None
    """Why it was refused, and nothing has changed; None when it was not."""
    changes: tuple[str, ...] = ()
    """Setting by setting, of a reload that was not refused."""
    needs_restart: tuple[str, ...] = ()
    """What the configuration has otherwise than it is in force."""
    warnings: tuple[str, ...] = ()
