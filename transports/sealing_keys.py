"""The keys that cursors are sealed with, where servers share them: a private file with one a line, the newest first."""

import base64
import binascii

from filewarden.broker.seal import SEALING_KEY_BYTES
from filewarden.transports.private_file import require_private, unfit

KEY = "http.sealing_keys_file"
LARGEST_FILE = 16_384
MOST_KEYS = 16


def read_sealing_keys(path: str) -> tuple[bytes, ...]:
    """The keys in `path`. Empty lines and what follows a `#` do not count.

    Raises:
        ConfigError: the file cannot be used, with what to do about it.
    """
    content = require_private(KEY, path, LARGEST_FILE)
    lines = [line.partition(b"#")[0].strip() for line in content.splitlines()]
    keys = tuple(_key(path, line) for line in lines if line)
    if len(content) > LARGEST_FILE or not 1 <= len(keys) <= MOST_KEYS:
        raise unfit(KEY, path, f"must have 1 to {MOST_KEYS} keys, one a line: openssl rand -base64 {SEALING_KEY_BYTES}")
    return keys


def _key(path: str, line: bytes) -> bytes:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        key = b""
    if len(key) < SEALING_KEY_BYTES:
        raise unfit(KEY, path, f"has a line that is no base64 of at least {SEALING_KEY_BYTES} bytes")
    return key
