"""The level of a worker as a table of layers and self-test results."""

import msgspec
import pytest

from filewarden.workers.confine.layers import Check, Layer, Layers, Mode
from filewarden.workers.confine.level import Level, assess, is_accepted

ON, OFF = Layer(active=True), Layer(active=False, why="not here")
FULL = Layers(
    openat2=ON,
    landlock=Layer(active=True, abi=7),
    seccomp=ON,
    namespaces=ON,
    no_new_privs=ON,
    rlimits=ON,
    user=Layer(active=True, uid=1000),
)
HELD = [
    Check("root_readable", held=True, errno=0),
    Check("outside_unreadable", held=True, errno=13),
    Check("outside_invisible", held=True, errno=2),
    Check("no_sockets", held=True, errno=1),
    Check("no_processes", held=True, errno=1),
    Check("no_signals", held=True, errno=1),
    Check("no_new_code", held=True, errno=1),
    Check("root_not_writable", held=True, errno=30),
]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "full"),
        ({"namespaces": OFF}, "strong"),
        ({"openat2": OFF}, "strong"),
        ({"landlock": Layer(active=True, abi=3), "namespaces": OFF}, "strong"),
        ({"landlock": Layer(active=True, abi=2)}, "strong"),
        ({"landlock": OFF}, "strong"),
        ({"landlock": OFF, "openat2": OFF}, "strong"),
        ({"namespaces": Layer(active=True, why="no user namespace")}, "strong"),
        ({"landlock": Layer(active=True, abi=2), "namespaces": OFF}, "partial"),
        ({"landlock": OFF, "namespaces": OFF}, "partial"),
        ({"seccomp": OFF}, "partial"),
        ({"rlimits": OFF}, "partial"),
        ({"user": OFF}, "partial"),
        ({"no_new_privs": OFF}, "partial"),
        ({"landlock": OFF, "seccomp": OFF}, "partial"),
        ({"landlock": OFF, "seccomp": OFF, "namespaces": OFF}, "paths-only"),
        (dict.fromkeys(FULL.__struct_fields__, OFF), "paths-only"),
    ],
)
def test_level_follows_from_the_layers(changes: dict[str, Layer], level: Level) -> None:
    verdict = assess("best-effort", msgspec.structs.replace(FULL, **changes), HELD)
    assert verdict.level == level
    assert len(verdict.degraded) >= len([layer for layer in changes.values() if not layer.active])
    assert (verdict.degraded == []) == (level == "full")


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("outside_unreadable", "partial"),
        ("outside_invisible", "strong"),
        ("no_sockets", "partial"),
        ("no_processes", "partial"),
        ("no_signals", "partial"),
        ("no_new_code", "partial"),
        ("root_not_writable", "partial"),
        ("root_readable", "full"),
    ],
)
def test_a_check_that_fails_counts_more_than_a_layer_that_claims_to_hold(name: str, level: Level) -> None:
    checks = [msgspec.structs.replace(check, held=check.name != name) for check in HELD]
    verdict = assess("required", FULL, checks)
    assert verdict.level == level
    assert any(name in sentence for sentence in verdict.degraded)
    assert not is_accepted("required", verdict.level, checks)


def test_switched_off_is_off_whatever_holds() -> None:
    assert assess("off", FULL, HELD).level == "off"


@pytest.mark.parametrize(
    ("mode", "level", "accepted"),
    [
        ("required", "full", True),
        ("required", "strong", True),
        ("required", "partial", False),
        ("required", "paths-only", False),
        ("required", "off", False),
        ("best-effort", "paths-only", True),
        ("off", "off", True),
    ],
)
def test_what_a_mode_accepts(mode: Mode, level: Level, accepted: bool) -> None:
    assert is_accepted(mode, level, HELD) == accepted


def test_required_needs_a_self_test() -> None:
    assert not is_accepted("required", "full", [])


def test_layers_have_the_shape_of_the_status_answer() -> None:
    layers = msgspec.structs.replace(FULL, namespaces=OFF)
    assert msgspec.to_builtins(layers)["landlock"] == {"active": True, "abi": 7}
    assert msgspec.to_builtins(layers)["user"] == {"active": True, "uid": 1000}
    assert msgspec.to_builtins(layers)["seccomp"] == {"active": True}
    assert msgspec.to_builtins(layers)["namespaces"] == {"active": False, "why": "not here"}


def test_what_is_degraded_behind_mounts_is_not_called_worse_than_it_is() -> None:
    for landlock in (OFF, Layer(active=True, abi=2)):
        [sentence] = assess("required", msgspec.structs.replace(FULL, landlock=landlock), HELD).degraded
        assert "mounts alone" in sentence.lower()
    alone = msgspec.structs.replace(FULL, landlock=OFF, namespaces=OFF)
    assert any("could open files outside" in sentence for sentence in assess("best-effort", alone, HELD).degraded)


def test_a_broken_wall_takes_both_layers_that_should_have_been_it() -> None:
    checks = [msgspec.structs.replace(check, held=check.name != "outside_unreadable") for check in HELD]
    layers = msgspec.structs.replace(FULL, landlock=OFF)
    assert assess("best-effort", layers, checks).level == "partial"
    assert not is_accepted("required", "strong", checks)
