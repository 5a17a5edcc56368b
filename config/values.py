"""A setting's value: read from text or TOML, checked against its bounds, and written as TOML."""

from collections.abc import Mapping

from filewarden.config.nearest import hint
from filewarden.config.options import Bounds, Kind, Option

TRUE_WORDS = frozenset({"true", "1", "yes"})
FALSE_WORDS = frozenset({"false", "0", "no"})

EXPECTED = {
    Kind.SWITCH: "must be true or false",
    Kind.WHOLE: "must be a whole number",
    Kind.NUMBER: "must be a number",
    Kind.TEXT: "must be a string",
    Kind.CHOICE: "must be a string",
    Kind.LIST: "must be a list of strings",
    Kind.TABLE: "must be a table of numbers, such as search_text = 30.0",
}


def from_text(option: Option, text: str) -> object:
    """Read the value that a variable or flag gives; ValueError carries the sentence that says what is wrong."""
    return checked(option, _parse(option, text))


def from_toml(option: Option, value: object) -> object:
    """Read the value that the file gives; ValueError carries the sentence that says what is wrong."""
    match option.kind, value:
        case Kind.SWITCH, bool():
            return value
        case _, bool():
            raise ValueError(EXPECTED[option.kind])
        case (Kind.WHOLE, int()) | (Kind.TEXT | Kind.CHOICE, str()):
            return checked(option, value)
        case Kind.NUMBER, int() | float():
            return checked(option, _float(value))
        case Kind.LIST, list() if all(isinstance(item, str) for item in value):
            return checked(option, tuple(value))
        case Kind.TABLE, dict() if all(type(item) in {int, float} for item in value.values()):
            return checked(option, {name: _float(item) for name, item in value.items()})
        case _:
            pass
    raise ValueError(EXPECTED[option.kind])


def checked(option: Option, value: object) -> object:
    """Return the same value when it keeps to the option's bounds; ValueError carries the sentence otherwise."""
    match option.kind, value:
        case Kind.WHOLE | Kind.NUMBER, int() | float():
            _check_number(option.bounds, value)
        case Kind.TEXT, str():
            _check_text(option.bounds, value)
        case Kind.CHOICE, str() if value not in option.choices:
            valid = ", ".join(f'"{choice}"' for choice in option.choices)
            raise ValueError(f"must be one of {valid}{hint(value, option.choices)}")
        case Kind.LIST, tuple():
            _check_list(option, value)
        case Kind.TABLE, dict():
            _check_table(option, value)
        case _:
            pass  # a switch, or a choice among the valid ones
    return value


def written(value: object) -> str:
    """Write the value as TOML does."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >> 64:
            return hex(value)[:40] + "..."  # no limit of ours has so many digits, and Python refuses to write thousands
        case int() | float():
            return repr(value)
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case Mapping():
            return "{" + ", ".join(f"{_key(str(name))} = {written(item)}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(written, value)) + "]"
        case _:
            return str(value)  # dates and times


def _parse(option: Option, text: str) -> object:
    match option.kind:
        case Kind.SWITCH:
            return _switch(text)
        case Kind.WHOLE | Kind.NUMBER:
            return _number(option.kind, text)
        case Kind.TEXT | Kind.CHOICE:
            return text
        case Kind.LIST:
            return tuple(_parts(text))
        case Kind.TABLE:
            return dict(_pair(part) for part in _parts(text))


def _switch(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ValueError(f"{EXPECTED[Kind.SWITCH]} (also yes and no, 1 and 0)")


def _number(kind: Kind, text: str) -> float:
    try:
        text.encode("ascii")  # int() and float() would take the digits of every script
        return int(text) if kind is Kind.WHOLE else float(text)
    except ValueError:
        raise ValueError(EXPECTED[kind]) from None


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is far too large") from None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, float]:
    name, equals, figure = text.partition("=")
    if not equals:
        raise ValueError("must be pairs of tool and seconds, such as search_text=30,read_file=5")
    return name.strip(), _number(Kind.NUMBER, figure.strip())


def _check_number(bounds: Bounds, value: float) -> None:
    if value != value:
        raise ValueError(EXPECTED[Kind.NUMBER])
    if bounds.at_least is not None and value < bounds.at_least:
        raise ValueError(f"must be at least {bounds.at_least:.15g}")
    if bounds.above is not None and value <= bounds.above:
        raise ValueError(f"must be above {bounds.above:.15g}")
    if bounds.at_most is not None and value > bounds.at_most:
        raise ValueError(f"must be at most {bounds.at_most:.15g}")


def _check_text(bounds: Bounds, text: str) -> None:
    if bounds.shortest and not text:
        raise ValueError("must not be empty")
    if bounds.longest is not None and len(text) > bounds.longest:
        raise ValueError(f"must have at most {bounds.longest} characters")
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid UTF-8") from None


def _check_count(bounds: Bounds, count: int) -> None:
    if bounds.shortest and not count:
        raise ValueError("must not be empty")
    if bounds.longest is not None and count > bounds.longest:
        raise ValueError(f"must have at most {bounds.longest} entries")


def _check_list(option: Option, items: tuple[object, ...]) -> None:
    _check_count(option.bounds, len(items))
    for number, item in enumerate(items, 1):
        try:
            _check_text(option.items, str(item))
        except ValueError as error:
            raise ValueError(f"entry {number} {error}") from None


def _check_table(option: Option, table: Mapping[object, object]) -> None:
    _check_count(option.bounds, len(table))
    for name, value in table.items():
        if not (str(name).isascii() and str(name).isidentifier()):
            raise ValueError("must have tool names for keys, such as search_text")
        try:
            _check_number(option.items, float(str(value)))
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _key(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else written(name)
