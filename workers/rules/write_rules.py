"""How changes are made in this worker, and which are refused."""

import msgspec

from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.protection import Protection


class WriteRules(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings under `[writes]`, ready for use; sizes in bytes."""

    protection: Protection = Protection()
    durability: Durability = Durability.FULL
    min_free_bytes: int = 0
    max_file_bytes: int = 8388608
