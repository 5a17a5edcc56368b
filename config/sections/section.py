"""What every table of the settings is: frozen, by keyword, and closed to unknown keys."""

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""
