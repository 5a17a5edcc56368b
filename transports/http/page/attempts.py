"""How often the token may be guessed from one address. Pure.

The token cannot be guessed in any number of tries; the bound keeps the log and the processor from those who try.
"""

import ipaddress
from collections import OrderedDict

FAILURES = 10
"""At once; after that one more is allowed each `RECOVERY_S`."""
RECOVERY_S = 6.0
MOST_REMEMBERED = 1024


class Attempts:
    """The failures of late, by address. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """When all failures of an address will be forgotten."""

    def wait_s(self, address: str, now: float) -> float:
        """How long another try has to wait; 0 when it need not."""
        free_at = self._free_at.get(_block(address), now)
        return max(0.0, free_at - (FAILURES - 1) * RECOVERY_S - now)

    def failed(self, address: str, now: float) -> None:
        """A try has failed."""
        block = _block(address)
        self._free_at[block] = max(self._free_at.pop(block, now), now) + RECOVERY_S
        while len(self._free_at) > MOST_REMEMBERED:
            self._free_at.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """The token was right."""
        self._free_at.pop(_block(address), None)


def _block(address: str) -> str:
    """What one machine can have many addresses of: of IPv6 its first half."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped is not None else parsed.exploded[:19]
