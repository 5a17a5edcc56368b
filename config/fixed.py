"""The settings that hold from a server's start to its end, for what they decide is given away by then.

The front-end has bound its addresses, opened its files and given up its rights; the account is that of all workers and
of what they have written. Everything else can be changed while the server runs. Pure.
"""

import msgspec

from filewarden.config.sections.http import HttpSettings
from filewarden.config.sections.telemetry import TelemetrySettings
from filewarden.config.settings import Settings

_CHANGING_HTTP = (
    *("allowed_origins", "allowed_hosts", "max_sessions", "max_sessions_per_principal", "session_idle_s"),
    *("always_stream", "poll_after_s"),
)
FIXED: dict[str, tuple[str, ...]] = {
    "pool": ("zeromq",),
    "http": tuple(name for name in HttpSettings.__struct_fields__ if name not in _CHANGING_HTTP),
    "status": ("address",),
    "sandbox": ("mode", "user"),
    "audit": ("file", "on_error", "max_bytes", "keep"),
    "tools": ("plugins",),
    "telemetry": TelemetrySettings.__struct_fields__,
    "log": ("file", "calls"),
}
"""The keys by section."""


def keep_fixed(new: Settings, old: Settings) -> tuple[Settings, tuple[str, ...]]:
    """`new`, but what is fixed as in `old`; and the dotted keys of what would have been different."""
    differing: list[str] = []
    kept: dict[str, object] = {}
    for section, names in FIXED.items():
        wanted, present = getattr(new, section), getattr(old, section)
        values = {name: getattr(present, name) for name in names}
        differing += [f"{section}.{name}" for name, value in values.items() if getattr(wanted, name) != value]
        kept[section] = msgspec.structs.replace(wanted, **values)
    return msgspec.structs.replace(new, **kept), tuple(differing)
