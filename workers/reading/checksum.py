"""The checksum of an open file, read in blocks: any size in constant memory, until the call's time is up."""

import hashlib
import os
from typing import TYPE_CHECKING

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle

if TYPE_CHECKING:
    from filewarden.workers.context import Context

BLOCK_BYTES = 1 << 20

hashlib.sha256(b"")  # OpenSSL looks for its configuration at first use, which a confined worker could not read


def sha256(context: "Context", handle: Handle) -> str:
    """Give the SHA-256 of a file that was opened for reading, in hexadecimal; raises ToolFailure, OSError."""
    digest = hashlib.sha256(usedforsecurity=False)
    done, size = 0, handle.stat.st_size
    while block := os.pread(handle.fd, BLOCK_BYTES, done):
        if context.is_overdue():
            raise ToolFailure(
                Code.TIMEOUT,
                f"Timeout: the checksum was not finished in time: {done:,} of {size:,} bytes were read. "
                "Ask again without checksum.",
                done=done,
                size=size,
            )
        digest.update(block)
        done += len(block)
        context.progress(done, max(size, done), "Computing the checksum")
    return digest.hexdigest()
