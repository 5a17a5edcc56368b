"""Bytes of a peer never raise what their reader does not expect: kept inputs are replayed, new ones are made of them.

A crash that is found becomes a file in `corpus/<target>/`. More effort: `pytest -m slow tests/fuzz`.
"""

import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

Targets = dict[str, Callable[[bytes], object]]
Corpus = Callable[[str], dict[str, bytes]]

NAMES = ["from_client", "to_question", "from_worker", "report", "to_worker", "control", "toml"]
SLOWEST_S = 2.0
"""No input of some kilobytes may keep a reader busy for longer."""

MSGPACK = [b"\0", b"\xff", b"\xc1", b"\x80", b"\x90", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff",
           b"\xc6\xff\xff\xff\xff", b"\xd9\xff", b"\xa6answer",
           b"\xa8question", b"\xa8progress", b"\xa4note", b"\xa7refusal", b"\xa5hello", b"\xa5ready",
           b"\xcb\x7f\xf8\0\0\0\0\0\0", b"\xd3" + b"\xff" * 8]  # fmt: skip
TEXT = [b"[", b"{", b'"', b"]" * 9, b"\\u0000", b"\\ud800", b"1e999", b"-0", b"9" * 400, b"null", b"true", b'"id"',
        b'"method"', b'"tools/call"', b'"params"', b'"_meta"',
        b'"inputResponses"', b'"result"', b'"action"', b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xa8",
        b"\r\n", b"[[roots]]", b'"""', b"= ["]  # fmt: skip
words = st.sampled_from([b"", *MSGPACK, *TEXT])


def mutated(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """A kept input with some places cut, replaced, doubled, or joined with another."""
    edit = st.tuples(st.integers(0, 4000), st.integers(0, 40), words | st.binary(max_size=8), st.integers(1, 3))
    seed = st.sampled_from(seeds)
    return st.tuples(seed, st.lists(edit, max_size=6), st.just(b"") | seed).map(_edited)


def _edited(drawn: tuple[bytes, list[tuple[int, int, bytes, int]], bytes]) -> bytes:
    data, edits, tail = drawn
    for place, length, insert, times in edits:
        place %= len(data) + 1
        data = data[:place] + insert * times + data[place + length :]
    return (data + tail)[:16_384]


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
values = st.recursive(
    scalars | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=15,
)
TAGS = ["hello", "ready", "answer", "refusal", "question", "progress", "note", "go", "call", ""]
frames = st.tuples(st.sampled_from(TAGS), st.lists(values, max_size=5))
packed = frames.map(lambda frame: msgspec.msgpack.encode([frame[0], *frame[1]]))


def inputs(target: str, corpus: Corpus) -> st.SearchStrategy[bytes]:
    kept = mutated(list(corpus(target).values()))
    shaped = values.map(msgspec.json.encode) if target in {"from_client", "to_question", "control"} else packed
    return kept | shaped | st.binary(max_size=200)


def effort(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def fuzz(name: str, targets: Targets, corpus: Corpus, examples: int) -> None:
    target = targets[name]

    @effort(examples)
    @given(data=inputs(name, corpus))
    def feed(data: bytes) -> None:
        start = time.process_time()
        target(data)
        assert time.process_time() - start < SLOWEST_S

    feed()


@pytest.mark.parametrize("name", NAMES)
def test_kept_inputs_are_harmless(name: str, targets: Targets, corpus: Corpus) -> None:
    kept = corpus(name)
    assert kept
    for data in kept.values():
        start = time.process_time()
        targets[name](data)
        assert time.process_time() - start < SLOWEST_S


@pytest.mark.parametrize("name", NAMES)
def test_new_inputs_are_harmless(name: str, targets: Targets, corpus: Corpus) -> None:
    fuzz(name, targets, corpus, 40 if name == "toml" else 200)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_many_new_inputs_are_harmless(name: str, targets: Targets, corpus: Corpus) -> None:
    fuzz(name, targets, corpus, 500 if name == "toml" else 2_000)
