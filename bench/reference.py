"""The reference server: found in the cache folder, or fetched there with npm when it is first wanted."""

import os
import shutil
import subprocess

import msgspec

PACKAGE = "@modelcontextprotocol/server-filesystem"
VERSION = "2026.8.31"
INSTALL_S = 180


class Missing(Exception):
    """Why the reference server cannot take part, as a sentence."""


class Reference(msgspec.Struct, frozen=True):
    """Where Node and the server are."""

    node: str
    script: str
    version: str


class _Manifest(msgspec.Struct):
    version: str


def find_reference(cache: str) -> Reference:
    """Find it below `cache`, installing it when it is not there.

    Raises:
        Missing: no Node, no npm, or no network.
    """
    node = shutil.which("node")
    if node is None:
        raise Missing("Node is not installed (Debian or Ubuntu: apt install nodejs npm)")
    folder = os.path.join(cache, "node_modules", *PACKAGE.split("/"))
    script = os.path.join(folder, "dist", "index.js")
    if not os.path.exists(script):
        _install(cache)
    if not os.path.exists(script):
        raise Missing(f"{PACKAGE} has no dist/index.js in {cache}: remove that folder to install it anew")
    with open(os.path.join(folder, "package.json"), "rb") as file:
        manifest = msgspec.json.decode(file.read(), type=_Manifest)
    return Reference(node, script, manifest.version)


def _install(cache: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed (Debian or Ubuntu: apt install npm)")
    os.makedirs(cache, exist_ok=True)
    command = [npm, "install", "--prefix", cache, "--no-audit", "--no-fund", "--silent", f"{PACKAGE}@{VERSION}"]
    try:
        subprocess.run(  # noqa: S603 - npm as found on PATH, fixed arguments
            command, check=True, timeout=INSTALL_S, stdin=subprocess.DEVNULL, capture_output=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise Missing(f"npm could not install {PACKAGE}@{VERSION}: is the network there?") from None
