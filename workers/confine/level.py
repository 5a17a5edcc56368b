"""How much a worker's confinement is worth in one word: computed from its layers and from what its self-test found."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from filewarden.workers.confine.layers import Check, Layer, Layers, Mode

Level = Literal["full", "strong", "partial", "paths-only", "off"]

_OLDEST_SOUND_LANDLOCK = 3
_PROVES: dict[str, tuple[str, ...]] = {
    "outside_unreadable": ("landlock", "namespaces"),
    "outside_invisible": ("namespaces",),
    "root_not_writable": ("landlock", "namespaces"),
    "no_sockets": ("seccomp",),
    "no_processes": ("seccomp",),
    "no_signals": ("seccomp",),
    "no_new_code": ("seccomp",),
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
_BEHIND_MOUNTS = {
    "landlock": "Mounts alone keep a worker that has been taken over inside the roots.",
    "old landlock": "This kernel's Landlock is old: mounts alone keep a read-only worker from emptying files.",
    "namespaces": "Workers share the user namespace of the host.",
}
_OLD_LANDLOCK = "This kernel's Landlock is too old: a read-only worker could empty files."


class Assessment(msgspec.Struct, frozen=True):
    """The level, and a sentence for each thing that falls short of "full"."""

    level: Level
    degraded: list[str]


def assess(mode: Mode, layers: Layers, checks: Sequence[Check]) -> Assessment:
    """Judge a worker. A layer counts when it was raised and every check that it answers for held."""
    if mode == "off":
        return Assessment("off", ["The sandbox is switched off: workers may do whatever the server's user may do."])
    failed = [check for check in checks if not check.held]
    broken = {name for check in failed for name in _PROVES.get(check.name, ())}
    holding = {name for name, layer in _by_name(layers) if layer.active and name not in broken}
    has_sound_landlock = "landlock" in holding and (layers.landlock.abi or 0) >= _OLDEST_SOUND_LANDLOCK
    degraded = [_sentence(name, layer, holding) for name, layer in _by_name(layers) if name not in holding]
    if "landlock" in holding and not has_sound_landlock:
        degraded.append(_BEHIND_MOUNTS["old landlock"] if "namespaces" in holding else _OLD_LANDLOCK)
    if "namespaces" in holding and layers.namespaces.why:
        degraded.append(f"{_BEHIND_MOUNTS['namespaces']} (namespaces: {layers.namespaces.why})")
    degraded += [
        f"The self-test {check.name} failed (errno {check.errno})." for check in failed if _is_news(check, layers)
    ]
    return Assessment(_level(holding, layers, has_sound_landlock=has_sound_landlock), degraded)


def is_accepted(mode: Mode, level: Level, checks: Sequence[Check]) -> bool:
    """Whether a worker may serve. In mode "required" every check must have held too."""
    return mode != "required" or (level in ("full", "strong") and bool(checks) and all(check.held for check in checks))


def _level(holding: set[str], layers: Layers, *, has_sound_landlock: bool) -> Level:
    """Landlock or the read-only mounts of a namespace keep a worker inside; with both and openat2 it is "full"."""
    if holding.issuperset(("seccomp", "rlimits", "no_new_privs", "user")):
        is_enclosed = "namespaces" in holding
        if has_sound_landlock and is_enclosed and not layers.namespaces.why and "openat2" in holding:
            return "full"
        if has_sound_landlock or is_enclosed:
            return "strong"
    return "partial" if holding & {"seccomp", "landlock", "namespaces"} else "paths-only"


def _is_news(check: Check, layers: Layers) -> bool:
    """Whether the failure is not explained by layers that were never raised."""
    layers_behind = _PROVES.get(check.name, ())
    return not layers_behind or any(getattr(layers, name).active for name in layers_behind)


def _by_name(layers: Layers) -> list[tuple[str, Layer]]:
    return [(name, getattr(layers, name)) for name in layers.__struct_fields__]


def _sentence(name: str, layer: Layer, holding: set[str]) -> str:
    sentence = _BEHIND_MOUNTS["landlock"] if name == "landlock" and "namespaces" in holding else _WITHOUT[name]
    return f"{sentence} ({name}: {layer.why})" if layer.why else sentence
