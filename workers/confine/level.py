"""How much a worker's confinement is worth in one word: computed from its layers and from what its self-test found."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from filewarden.workers.confine.layers import Check, Layer, Layers, Mode

Level = Literal["full", "strong", "partial", "paths-only", "off"]

_OLDEST_SOUND_LANDLOCK = 3
_PROVES = {
    "outside_unreadable": "landlock",
    "outside_invisible": "namespaces",
    "root_not_writable": "landlock",
    "no_sockets": "seccomp",
    "no_processes": "seccomp",
    "no_signals": "seccomp",
    "no_new_code": "seccomp",
}
_WITHOUT = {
    "openat2": "Paths are resolved one name at a time, more slowly, because openat2 is not available.",
    "landlock": "A worker that has been taken over could open files outside the roots.",
    "seccomp": "A worker that has been taken over could use the network and start programs.",
    "namespaces": "A worker that has been taken over could see names, sizes and times of files outside the roots.",
    "no_new_privs": "A worker that has been taken over could gain rights through set-user-id programs.",
    "rlimits": "A worker's memory is bounded only by the broker's watch.",
    "user": "Workers run as root.",
}


class Assessment(msgspec.Struct, frozen=True):
    """The level, and a sentence for each thing that falls short of "full"."""

    level: Level
    degraded: list[str]


def assess(mode: Mode, layers: Layers, checks: Sequence[Check]) -> Assessment:
    """Judge a worker. A layer counts when it was raised and every check that it answers for held."""
    if mode == "off":
        return Assessment("off", ["The sandbox is switched off: workers may do whatever the server's user may do."])
    failed = [check for check in checks if not check.held]
    broken = {_PROVES.get(check.name) for check in failed}
    holding = {name: layer.active and name not in broken for name, layer in _by_name(layers)}
    has_sound_landlock = holding["landlock"] and (layers.landlock.abi or 0) >= _OLDEST_SOUND_LANDLOCK
    degraded = [_sentence(name, layer) for name, layer in _by_name(layers) if not holding[name]]
    if holding["landlock"] and not has_sound_landlock:
        degraded.append("This kernel's Landlock is too old: a read-only worker could empty files.")
    raised = {name for name, layer in _by_name(layers) if layer.active}
    surprises = [check for check in failed if _PROVES.get(check.name) is None or _PROVES[check.name] in raised]
    degraded += [f"The self-test {check.name} failed (errno {check.errno})." for check in surprises]
    return Assessment(_level(holding, has_sound_landlock), degraded)


def is_accepted(mode: Mode, level: Level, checks: Sequence[Check]) -> bool:
    """Whether a worker may serve. In mode "required" every check must have held too."""
    return mode != "required" or (level in ("full", "strong") and bool(checks) and all(check.held for check in checks))


def _level(holding: dict[str, bool], has_sound_landlock: bool) -> Level:
    essential = ("seccomp", "rlimits", "no_new_privs", "user")
    if has_sound_landlock and all(holding[name] for name in essential):
        return "full" if holding["namespaces"] and holding["openat2"] else "strong"
    return "partial" if holding["seccomp"] or holding["landlock"] else "paths-only"


def _by_name(layers: Layers) -> list[tuple[str, Layer]]:
    return [(name, getattr(layers, name)) for name in layers.__struct_fields__]


def _sentence(name: str, layer: Layer) -> str:
    return f"{_WITHOUT[name]} ({name}: {layer.why})" if layer.why else _WITHOUT[name]
