"""Who calls, and what they may do: the value that sessions, streams, cursors and workers are bound to."""

import msgspec

READ_SCOPE = "files:read"
WRITE_SCOPE = "files:write"
IMPLIED = {READ_SCOPE: WRITE_SCOPE}
"""Holding the second is as good as holding the first."""


class Principal(msgspec.Struct, frozen=True):
    """Somebody whose credential was checked. Two requests are of the same principal when their `key` is the same."""

    key: str
    """Names somebody without telling anything: no token, no user's name. It begins with the profile, if there is one:
    what is kept for somebody is not found any more when another profile serves them."""
    scopes: frozenset[str] | None = None
    """None where rights are not split up: everything that the server offers."""
    expires_at: float | None = None
    """Until when the credential is good, in seconds of the wall clock; None for ever."""
    profile: str = ""
    """What they are served by; "" is what stands outside of all profiles."""
    name: str = ""
    """As profiles name somebody ("token:ci", "oauth:SUBJECT"), to tell whether theirs is still the same; never shown.
    "" where no profile can name them."""
    token: bytes = b""
    """The digest of the named token that they brought; "" where it was none."""

    def lacks(self, needed: tuple[str, ...]) -> bool:
        """Whether something of what is needed was not granted."""
        return self.scopes is not None and not all(self.has(scope) for scope in needed)

    def has(self, scope: str) -> bool:
        """Whether `scope` was granted, itself or by one that implies it."""
        return self.scopes is None or scope in self.scopes or IMPLIED.get(scope) in self.scopes


LOCAL = Principal("local")
"""Whoever started us on stdio, or may reach a listener that asks for no credential."""


def key_of(profile: str, who: str) -> str:
    """The key of somebody whom a profile serves."""
    return f"{profile}/{who}" if profile else who


def profile_of(key: str) -> str:
    """The profile that a key begins with, "" where it begins with none."""
    return key.partition("/")[0] if "/" in key else ""
