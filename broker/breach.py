"""That a process of ours did what no honest one does, and was ended for it. Pure."""

import msgspec

FORBIDDEN_CALL = "a forbidden system call"


class Breach(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the audit log says of it; `reason` holds no word of the process's own."""

    worker: str
    """Its pool and its slot there, -1 for a spare; `watcher` for one of those."""
    role: str
    reason: str
    principal: str = ""
    """Whose calls it had run; empty for one that had served nobody."""
    call: int = 0
    """The call that it ran, 0 for none."""
    profile: str = ""
    """Whom it works for, where that is a profile."""
