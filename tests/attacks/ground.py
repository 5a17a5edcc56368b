"""What is attacked: an allowed root, and folders beside it that nobody may reach."""

import hashlib
import secrets
from pathlib import Path

SMALL = "small text\n"
SIBLINGS = ("OUT", "R-evil", "R ", "R.", "r")
MOST_READ = 1 << 20


def snapshot(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything in a folder, down to the times; contents but of huge files."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (top, *sorted(top.rglob("*"))):
        state = path.lstat()
        is_read = path.is_file() and not path.is_symlink() and state.st_size <= MOST_READ
        content = path.read_bytes() if is_read else b""
        found[str(path)] = (state.st_mode, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, content)
    return found


class Ground:
    """An allowed root `R`, and folders beside it that nobody may reach; each holds the canary."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.canary = secrets.token_hex(32)
        self.root = base / "R"
        self.outside = base / "OUT"
        self.hook = self.outside / "canary.txt"
        self.config = base / "config.toml"
        base.chmod(0o755)
        for name in ("R", *SIBLINGS):
            (base / name).mkdir()
            (base / name).chmod(0o755)
        for name in SIBLINGS:
            self.write(base / name / "canary.txt", self.canary)
        self.secret_name = f"name-{secrets.token_hex(8)}"
        """A name that only `OUT` has."""
        self.write(self.outside / self.secret_name, "")
        self.write(self.root / "small.txt", SMALL)
        self.write(self.root / ".env", f"KEY={self.canary}\n")
        (self.root / "secrets").mkdir(mode=0o755)
        self.write(self.root / "secrets" / "key.txt", self.canary)
        self.write(self.config, f'[[roots]]\npath = "{self.root}"\ndeny = [".env", "secrets/**"]\n')

    def write(self, path: Path, content: str | bytes) -> Path:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o644)
        return path

    def fingerprint(self) -> dict[str, tuple[object, ...]]:
        """Everything beside the root, down to hashes and times."""
        found: dict[str, tuple[object, ...]] = {}
        for sibling in SIBLINGS:
            for path in (self.base / sibling, *sorted((self.base / sibling).rglob("*"))):
                state = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                found[str(path)] = (state.st_mode, state.st_uid, state.st_size, state.st_mtime_ns, content)
        return found
