"""The sockets that a server leaves behind, and how they are taken away."""

import os
import stat


def remove_sockets(path: bytes) -> None:
    """Unlink a socket, or the sockets in a folder and then the folder if that left it empty. Links are not followed."""
    if stat.S_ISSOCK(os.lstat(path).st_mode):
        os.unlink(path)
        return
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in os.listdir(folder):
            if stat.S_ISSOCK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)
        os.rmdir(path)
    finally:
        os.close(folder)
