"""Edits of a text: each replaces a passage that is there exactly once, or everywhere when asked; all or none. Pure."""

from collections.abc import Callable, Sequence

import msgspec

from filewarden.workers.text.line_ends import EvenText, evened

MOST_CANDIDATES = 5
MOST_SHOWN_CHARS = 120


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replacement; line ends in both texts stand for those of the file."""

    old_text: str
    new_text: str
    replace_all: bool = False


class Candidate(msgspec.Struct, frozen=True):
    """A place that may have been meant."""

    line: int
    text: str


class EditError(Exception):
    """An edit that cannot be made; nothing was. `number` counts from 1; `is_invalid`: of no text could it be made."""

    def __init__(
        self,
        number: int,
        problem: str,
        candidates: tuple[Candidate, ...] = (),
        *,
        is_invalid: bool = False,
        is_too_large: bool = False,
    ) -> None:
        super().__init__(problem)
        self.is_too_large = is_too_large
        self.is_invalid = is_invalid
        self.number = number
        self.problem = problem
        self.candidates = candidates


class Edited(msgspec.Struct, frozen=True):
    """The text after all edits, and how many passages were replaced."""

    text: str
    replacements: int


def apply_edits(
    text: str, edits: Sequence[Edit], *, most_chars: int = 2**40, checkpoint: Callable[[], None] | None = None
) -> Edited:
    """Make the edits one after another, each on what those before have made; `checkpoint` is called before each.

    Raises:
        EditError: naming the first that is empty, changes nothing, is not found, or is found in several places.
    """
    even = EvenText(text)
    replacements = 0
    for number, edit in enumerate(edits, 1):
        if checkpoint is not None:
            checkpoint()
        replacements += _apply(even, edit, number, most_chars)
    return Edited(even.text(), replacements)


def _apply(even: EvenText, edit: Edit, number: int, most_chars: int) -> int:
    old, new = evened(edit.old_text), evened(edit.new_text)
    if not old:
        raise EditError(number, "old_text is empty: give the text that is to be replaced", is_invalid=True)
    if old == new:
        raise EditError(number, "old_text and new_text are the same: nothing would change", is_invalid=True)
    places = _places(even.flat, old)
    if not places:
        raise EditError(number, "old_text is not in the file, which must match exactly", _near(even.flat, old))
    if len(places) > 1 and not edit.replace_all:
        raise EditError(
            number,
            f"old_text is in the file {len(places)} times: give more of the text around it, or set replace_all",
            tuple(_candidate(even.flat, place) for place in places[:MOST_CANDIDATES]),
        )
    grown = len(even.flat) + len(places) * (len(new) - len(old))
    if grown > most_chars:
        raise EditError(
            number, f"the text would grow to {grown:,} characters; {most_chars:,} are allowed", is_too_large=True
        )
    even.replace(places, len(old), new)
    return len(places)


def _places(text: str, old: str) -> list[int]:
    places, start = [], text.find(old)
    while start >= 0:
        places.append(start)
        start = text.find(old, start + len(old))
    return places


def _near(text: str, old: str) -> tuple[Candidate, ...]:
    """Lines that hold the first telling line of what was looked for, white space aside."""
    wanted = next((_squeezed(line) for line in old.split("\n") if line.strip()), "")
    if not wanted:
        return ()
    found: list[Candidate] = []
    for number, line in enumerate(text.split("\n"), 1):
        if wanted in _squeezed(line):
            found.append(Candidate(number, line[:MOST_SHOWN_CHARS]))
            if len(found) == MOST_CANDIDATES:
                break
    return tuple(found)


def _squeezed(line: str) -> str:
    return "".join(line.split()).casefold()


def _candidate(text: str, place: int) -> Candidate:
    start = text.rfind("\n", 0, place) + 1
    stop = text.find("\n", start)
    line = text[start:] if stop < 0 else text[start:stop]
    return Candidate(text.count("\n", 0, place) + 1, line[:MOST_SHOWN_CHARS])
