"""Glob patterns: the text that a client or the operator wrote, as one anchored expression over path bytes.

`*` and `?` stay within a name, `**` as a whole component stands for any folders, `[...]` and `[!...]` are sets of
characters, `{a,b}` are alternatives. An escape of a name's shown form is read as the byte it stands for.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import names
from filewarden.workers.paths.wildcards import DEEP, name_expression, path_expression

MAX_PATTERN_CHARS = 1024
MAX_STARS = 32
MAX_DEEP = 8
MAX_ALTERNATIVES = 64
MAX_SET_CHARS = 512

_LEAD = rb"[\xc0-\xff]"
_TAIL = rb"[\x80-\xbf]"
_STRAY = b"".join(rb"(?<!" + _LEAD + _TAIL * count + rb")" for count in range(3)) + _TAIL
_CHARACTER = rb"(?:[\x00-\x2e\x30-\x7f]|" + _LEAD + _TAIL + rb"*+|" + _STRAY + rb")"
"""One character that is not `/`: a UTF-8 sequence, or a byte that belongs to none."""
_SET = r"\[(?P<not>!?+)(?P<members>\]?[^\]]+|\])\]"
_BRACKET = re.compile(_SET, re.DOTALL)
_WILD = re.compile(r"[*?]|\[!?+(?:\]?[^\]]+|\])\]", re.DOTALL)
_CASED = re.compile(rf"(?P<set>{_SET})|(?P<plain>\[)|[^\x00-\x7f]", re.DOTALL)


class Matcher(msgspec.Struct, frozen=True):
    """A compiled pattern (all its alternatives) over paths relative to one folder, in bytes with `/`."""

    expression: re.Pattern[bytes]
    name: re.Pattern[bytes] | None
    """Set when the last name decides alone: the pattern has no `/` and may begin in any folder."""
    folders: tuple[tuple[re.Pattern[bytes] | None, ...], ...]
    """For each alternative, what the folders on the way must be called; None: from here on any folder."""
    fixed: bytes = b""
    """What every name that matches holds somewhere, as far as the pattern tells: a quick first look at many names."""

    def matches(self, path: bytes | str) -> bool:
        """Whether the whole path matches; text is taken as UTF-8 with surrogateescape."""
        raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        return self.expression.fullmatch(raw) is not None

    @property
    def enters_all(self) -> bool:
        """Whether something below any folder could match."""
        return any(wanted[:1] == (None,) for wanted in self.folders)

    @property
    def is_flat(self) -> bool:
        """Whether nothing but a single name matches, so that nothing below a folder does."""
        return not any(self.folders)

    def enters(self, depth: int, name: bytes) -> bool:
        """Whether something below a folder called `name`, `depth` levels below the start, could match."""
        for wanted in self.folders:
            if depth < len(wanted):
                expression = wanted[depth]
                if expression is None or expression.fullmatch(name):
                    return True
            elif wanted and wanted[-1] is None:
                return True
        return False


@lru_cache(maxsize=256)
def compile_glob(pattern: str, *, anywhere: bool = False, ignore_case: bool = False) -> Matcher:
    """Compile a client's pattern; with `anywhere` it may begin in any folder below the start.

    Raises ToolFailure(invalid_argument) that names the problem.
    """
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    if ignore_case and not pattern.isascii():
        pattern = _CASED.sub(_both_cases, pattern)
    alternatives = [tuple(_components(one, anywhere=anywhere)) for one in _alternatives(pattern)]
    last_only = anywhere and all(len(parts) == 2 and parts[0] == "**" for parts in alternatives)
    return Matcher(
        re.compile(b"|".join(path_expression([_expression(part) for part in parts]) for parts in alternatives), flags),
        re.compile(b"|".join(_name(parts[1]) for parts in alternatives), flags) if last_only else None,
        tuple(tuple(_folders(parts, flags)) for parts in alternatives),
        _fixed(alternatives[0][-1]) if len(alternatives) == 1 and not ignore_case else b"",
    )


def translate(pattern: str) -> str:
    """Give the anchored expression of a pattern, one latin-1 character a byte."""
    return r"\A(?:" + compile_glob(pattern).expression.pattern.decode("latin-1") + r")\Z"


def _components(pattern: str, *, anywhere: bool) -> Iterator[str]:
    deep = 0
    if anywhere:
        yield "**"
    last = "**" if anywhere else ""
    for part in pattern.split("/"):
        if part == "..":
            raise _invalid(pattern, 'may not hold ".."; name the folder in the path argument')
        if part in ("", ".") or part == last == "**":
            continue
        deep += part == "**"
        if deep > MAX_DEEP:
            raise _invalid(pattern, f"holds more than {MAX_DEEP} components **")
        last = part
        yield part


def _alternatives(pattern: str) -> list[str]:
    if not pattern:
        raise ToolFailure(Code.INVALID_ARGUMENT, 'The pattern is empty. "*" matches every name.')
    if len(pattern) > MAX_PATTERN_CHARS:
        raise _invalid(pattern, f"is longer than {MAX_PATTERN_CHARS} characters")
    if "\0" in pattern:
        raise _invalid(pattern, "holds a NUL character")
    if pattern.startswith("/"):
        raise _invalid(pattern, "begins with /; patterns are relative, name the folder in the path argument")
    if pattern.count("*") > MAX_STARS:
        raise _invalid(pattern, f"holds more than {MAX_STARS} stars")
    expanded = _expand(pattern)
    if not any(part not in ("", ".") for one in expanded for part in one.split("/")):
        raise _invalid(pattern, "names nothing")
    if any(one.startswith("/") for one in expanded):
        raise _invalid(pattern, "has an alternative that begins with /; patterns are relative")
    return expanded


def _expand(pattern: str) -> list[str]:
    """Write out braces as alternatives, in the order of a shell; unpaired braces are plain characters."""
    done: list[str] = []
    todo = [pattern]
    while todo:
        current = todo.pop()
        found = _innermost(current)
        if found is None:
            done.append(current)
        else:
            start, end = found
            before, after = current[:start], current[end + 1 :]
            todo.extend(before + choice + after for choice in reversed(current[start + 1 : end].split(",")))
        if len(done) + len(todo) > MAX_ALTERNATIVES:
            raise _invalid(pattern, f"has more than {MAX_ALTERNATIVES} alternatives in braces")
    return list(dict.fromkeys(done))


def _innermost(pattern: str) -> tuple[int, int] | None:
    """Find the first pair of braces that holds a comma and no other brace, sets of characters left aside."""
    start = -1
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "[" and (bracket := _BRACKET.match(pattern, at)):
            at = bracket.end()
            continue
        if character == "{":
            start = at
        elif character == "}" and start >= 0:
            if "," in pattern[start:at]:
                return start, at
            start = -1
        at += 1
    return None


def _fixed(part: str) -> bytes:
    """Find the longest text in a component that stands for itself."""
    return names.parse(max(_WILD.split(part), key=len))


def _folders(parts: tuple[str, ...], flags: re.RegexFlag) -> Iterator[re.Pattern[bytes] | None]:
    for part in parts[:-1]:
        if part == "**":
            yield None
            return
        yield re.compile(_name(part), flags)
    if parts[-1:] == ("**",):
        yield None


def _expression(part: str) -> bytes | None:
    return DEEP if part == "**" else _name(part)


def _name(part: str) -> bytes:
    return name_expression([_piece(piece) for piece in _split_stars(part)])


def _split_stars(part: str) -> list[str]:
    pieces = [""]
    at = 0
    while at < len(part):
        bracket = _BRACKET.match(part, at) if part[at] == "[" else None
        step = bracket[0] if bracket else part[at]
        if step == "*":
            pieces.append("")
        else:
            pieces[-1] += step
        at += len(step)
    return pieces


def _piece(text: str) -> bytes:
    out: list[bytes] = []
    at = 0
    while at < len(text):
        character = text[at]
        bracket = _BRACKET.match(text, at) if character == "[" else None
        if bracket:
            out.append(_set(bracket))
            at = bracket.end()
        elif character == "?":
            out.append(_CHARACTER)
            at += 1
        else:
            # Up to the next special character, so that an escape `\xHH` is read as one.
            end = next((i for i in range(at + 1, len(text)) if text[i] in "?["), len(text))
            out.append(re.escape(names.parse(text[at:end])))
            at = end
    return b"".join(out)


def _set(bracket: re.Match[str]) -> bytes:
    members = _members(bracket["members"], bracket[0])
    single = b"".join(re.escape(one) for one in members if len(one) == 1)
    choices = [re.escape(one) for one in members if len(one) > 1]
    if single:
        choices.append(b"[" + single + b"]")
    wanted = b"|".join(choices)
    return b"(?!(?:" + wanted + b"))" + _CHARACTER if bracket["not"] else b"(?!/)(?:" + wanted + b")"


def _members(text: str, shown: str) -> list[bytes]:
    members: dict[bytes, None] = {}
    at = 0
    while at < len(text):
        last = text[at]
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            last = text[at + 2]
        for code in range(ord(text[at]), ord(last) + 1):
            members[names.parse(chr(code))] = None
            if len(members) > MAX_SET_CHARS:
                raise _invalid(shown, f"is a set of more than {MAX_SET_CHARS} characters")
        at += 3 if text[at + 1 : at + 2] == "-" and at + 2 < len(text) else 1
    if not members:
        raise _invalid(shown, "is a set whose range runs backwards")
    return list(members)


def _both_cases(found: re.Match[str]) -> str:
    """Write a letter beyond ASCII, for which expressions over bytes know no case, as the set of its two forms."""
    if found["set"]:
        other = "".join(c.swapcase() for c in found["set"] if not c.isascii() and len(c.swapcase()) == 1)
        end = "-]" if found["set"].endswith("-]") else "]"  # a last hyphen stays the last, else it makes a range
        return found["set"].removesuffix(end) + other + end
    if found["plain"]:
        return "[[]"  # it must not begin a set with what is written behind it
    forms = {form for form in (found[0], found[0].lower(), found[0].upper()) if len(form) == 1}
    return found[0] if len(forms) == 1 else f"[{''.join(sorted(forms))}]"


def _invalid(pattern: str, problem: str) -> ToolFailure:
    return ToolFailure(Code.INVALID_ARGUMENT, f"The pattern '{names.echo(pattern)}' {problem}.")
