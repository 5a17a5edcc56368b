"""Where clients keep their configuration, on each system. Absolute paths as text."""

import os
from collections.abc import Mapping

import msgspec


class System(msgspec.Struct, frozen=True):
    """The system that the client runs on: `sys.platform`, the user's home folder, and the environment."""

    platform: str
    home: str
    environ: Mapping[str, str]

    def below_home(self, *names: str) -> str:
        """A path beneath the home folder."""
        return os.path.join(self.home, *names)

    def settings(self, *names: str) -> str:
        """A path beneath the folder where programs keep their settings on this system."""
        if self.platform == "darwin":
            return self.below_home("Library", "Application Support", *names)
        if self.platform == "win32":
            return os.path.join(self.environ.get("APPDATA") or self.below_home("AppData", "Roaming"), *names)
        return os.path.join(self.environ.get("XDG_CONFIG_HOME") or self.below_home(".config"), *names)


def claude_desktop(system: System) -> str:
    """Claude Desktop's own file."""
    return system.settings("Claude", "claude_desktop_config.json")


def claude_code(system: System) -> str:
    """The user's servers, for every project."""
    folder = system.environ.get("CLAUDE_CONFIG_DIR")
    return os.path.join(folder, ".claude.json") if folder else system.below_home(".claude.json")


def cursor(system: System) -> str:
    """The user's servers, for every project."""
    return system.below_home(".cursor", "mcp.json")


def vscode(system: System) -> str:
    """The servers of the default profile."""
    return system.settings("Code", "User", "mcp.json")


def zed(system: System) -> str:
    """Zed's settings, which hold the servers; on macOS below ~/.config too."""
    if system.platform == "darwin":
        return system.below_home(".config", "zed", "settings.json")
    return system.settings("Zed" if system.platform == "win32" else "zed", "settings.json")


def codex(system: System) -> str:
    """Codex's settings, which hold the servers."""
    folder = system.environ.get("CODEX_HOME")
    return os.path.join(folder or system.below_home(".codex"), "config.toml")


def windsurf(system: System) -> str:
    """The servers of Cascade."""
    return system.below_home(".codeium", "windsurf", "mcp_config.json")
