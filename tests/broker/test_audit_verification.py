"""No change of an audit log goes unseen, and the first broken line is the one that is named."""

import msgspec
import pytest
from hypothesis import given, strategies as st

from filewarden.broker.audit_verification import Findings, Verifier
from filewarden.workers.audit.chain import MOST_LINE_BYTES, digest_of, first_position

LINES = 12


def written(count: int = LINES) -> list[bytes]:
    position = first_position()
    bodies = [{"event": "begin"}, {"server": "s", "event": "start"}]
    bodies += [{"server": "s", "call": str(number), "tool": "read_file"} for number in range(count - len(bodies))]
    return [position.add(msgspec.json.encode(body)) for body in bodies]


def check(lines: list[bytes], last: str = "") -> Findings:
    return Verifier().read(lines, last)


def broken_line(lines: list[bytes], last: str = "") -> int | None:
    fault = check(lines, last).fault
    return None if fault is None else fault.line


WHOLE = written()
LAST = digest_of(WHOLE[-1][:-1])
PLACES = st.integers(0, LINES - 1)


def test_what_was_not_touched_is_whole() -> None:
    findings = check(WHOLE, LAST)
    assert (findings.fault, findings.lines, findings.last, findings.open_servers) == (None, LINES, LAST, ("s",))


@given(PLACES, st.data())
def test_a_changed_byte_is_found_in_its_line_or_the_next(place: int, data: st.DataObject) -> None:
    line = bytearray(WHOLE[place])
    at = data.draw(st.integers(0, len(line) - 2))
    line[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (WHOLE[place][at], 10)))
    found = broken_line([*WHOLE[:place], bytes(line), *WHOLE[place + 1 :]], LAST)
    assert found == (place + 1 if place + 1 < LINES else found)
    assert found in (place + 1, place + 2), "a changed last line is found by the hash that was kept"


@given(PLACES, PLACES)
def test_removed_lines_are_found_where_they_were(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    assert broken_line([*WHOLE[:start], *WHOLE[stop + 1 :]], LAST) == start + 1


def test_one_removed_line_is_told_as_one() -> None:
    for gone, sentence in ((1, "1 line before it was removed"), (2, "2 lines before it were removed")):
        fault = check([WHOLE[0], *WHOLE[1 + gone :]]).fault
        assert fault is not None
        assert fault.problem == sentence


@given(PLACES, PLACES)
def test_exchanged_lines_are_found_at_the_first(one: int, other: int) -> None:
    lines = list(WHOLE)
    lines[one], lines[other] = lines[other], lines[one]
    assert broken_line(lines, LAST) == (None if one == other else min(one, other) + 1)


@given(PLACES, st.integers(0, LINES))
def test_repeated_lines_are_found(which: int, place: int) -> None:
    found = broken_line([*WHOLE[:place], WHOLE[which], *WHOLE[place:]], LAST)
    # Right before itself it is the second of the two that is one too many.
    assert found == (place + 2 if which == place else place + 1)


@given(st.data())
def test_a_torn_end_is_found_without_being_told_the_last_hash(data: st.DataObject) -> None:
    everything = b"".join(WHOLE)
    cut = data.draw(st.integers(0, len(everything) - 1).filter(lambda cut: cut == 0 or everything[cut - 1] != 10))
    lines = everything[:cut].splitlines(keepends=True)
    assert broken_line(lines) == max(1, len(lines))


@given(st.integers(1, LINES - 1))
def test_an_end_that_is_cut_off_between_lines_is_found_by_the_hash_that_was_kept(left: int) -> None:
    findings = check(WHOLE[:left])
    assert findings.fault is None
    assert broken_line(WHOLE[:left], LAST) == left + 1


@given(st.integers(1, LINES - 1))
def test_two_logs_spliced_are_found_at_the_seam(seam: int) -> None:
    position = first_position()
    other = [position.add(b'{"event":"begin"}'), *(position.add(b'{"call":"9"}') for _ in range(LINES))]
    found = broken_line([*WHOLE[:seam], *other[seam:]])
    assert found in (seam, seam + 1) or seam == 1  # nothing tells which of the two logs is the right one


@pytest.mark.parametrize(("step", "number"), [(1, 7), (-1, 5)])
def test_a_number_that_does_not_follow_is_found_though_the_hashes_do(step: int, number: int) -> None:
    position = first_position()
    lines = [position.add(b'{"event":"begin"}'), *(position.add(b'{"call":"9"}') for _ in range(4))]
    position.seq += step
    lines.append(position.add(b'{"call":"9"}'))
    fault = check(lines).fault
    assert fault is not None
    assert (fault.line, fault.problem) == (6, f"its number is {number}, not 6")


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"null\n", b"[" * 9000 + b"\n", b"x" * MOST_LINE_BYTES, b"\xff\n"])
def test_what_is_no_line_of_a_log_is_named(line: bytes) -> None:
    assert broken_line([*WHOLE[:3], line, *WHOLE[3:]]) == 4


def test_lost_lines_and_servers_that_signed_off_are_counted() -> None:
    position = first_position()
    bodies: list[dict[str, object]] = [
        {"event": "begin"},
        {"server": "a", "event": "start"},
        {"server": "b", "event": "start"},
        {"server": "a", "lost": 7, "event": "gap"},
        {"server": "b", "worker": "read-only/0", "role": "ro", "reason": "x", "event": "breach"},
        {"server": "a", "event": "stop"},
    ]
    findings = check([position.add(msgspec.json.encode(body)) for body in bodies])
    assert (findings.fault, findings.lost, findings.breaches, findings.open_servers) == (None, 7, 1, ("b",))
