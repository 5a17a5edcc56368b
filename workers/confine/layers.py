"""The report of a worker's confinement as it travels to the broker: each layer, and each check of the self-test."""

from errno import errorcode
from typing import Literal

import msgspec

Mode = Literal["required", "best-effort", "off"]
LayerName = Literal["openat2", "landlock", "seccomp", "namespaces", "no_new_privs", "rlimits", "user"]


class Layer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One layer; `why` is a sentence when it is not active or holds in part only."""

    active: bool
    why: str = ""
    abi: int | None = None
    uid: int | None = None


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """Every layer, in the shape of the status answer."""

    openat2: Layer
    landlock: Layer
    seccomp: Layer
    namespaces: Layer
    no_new_privs: Layer
    rlimits: Layer
    user: Layer


class Check(msgspec.Struct, frozen=True):
    """One attempt of the self-test: whether the kernel answered as it must, and its errno (0: the call succeeded)."""

    name: str
    held: bool
    errno: int


class ConfinementError(Exception):
    """A layer that the mode asks for is missing; the sentence names the layer, the cause and what to do."""

    def __init__(self, layer: str, cause: OSError, fix: str) -> None:
        self.layer = layer
        self.errno = cause.errno or 0
        self.fix = fix
        name = errorcode.get(self.errno, str(self.errno))
        super().__init__(f"The sandbox layer {layer} is not active: {cause.strerror} ({name}). To fix it, {fix}.")
