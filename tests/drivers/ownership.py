"""Who owns what servers change: as root the tests' servers have workers of another account."""

import os
import pwd
from pathlib import Path


def own(name: str | Path, folder: int | None = None) -> None:
    """Give something to the account that workers become when the tests run as root."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(name, account.pw_uid, account.pw_gid, dir_fd=folder, follow_symlinks=False)
