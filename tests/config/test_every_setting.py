"""Every setting from every source: taken with the right origin, refused outside its bounds."""

from collections.abc import Callable

import pytest

from filewarden.config.load import Loaded
from filewarden.config.options import Kind, Option, options
from filewarden.config.values import written

Load = Callable[..., Loaded]
Refuse = Callable[..., str]

KEYS = list(options())
FLAGGED = [key for key, option in options().items() if option.flag]
NUMBERS = [key for key, option in options().items() if option.kind in {Kind.WHOLE, Kind.NUMBER}]
TEXTS = [key for key, option in options().items() if option.kind is Kind.TEXT]
CHOICES = [key for key, option in options().items() if option.kind is Kind.CHOICE]
SAMPLES: dict[str, object] = {
    "http.host": "localhost",
    "http.allowed_origins": ("https://one.example", "https://two.example:8443"),
    "http.allowed_hosts": ("one.example", "[fd00::1]:80"),
    "http.issuer": "https://issuer.example",
    "http.jwks_url": "https://issuer.example/keys",
    "http.resource": "https://files.example/mcp",
    "http.algorithms": ("ES384", "RS512"),
    "tools.only": ("@read", "write_file"),
    "tools.plugins": ("own.tools", "/srv/tools/counting.py"),
    "writes.protected": ("Makefile", "**/.git"),
    "http.required_scopes": ("files:read", "team:blue"),
    "status.address": "127.0.0.1:8766",
    "telemetry.otlp_endpoint": "https://traces.example/v1/traces",
    "deadlines.tool": {"search_text": 30.0, "read_file": 1.5},
}
BESIDE = {"access.profile": "[[profiles]]\nname = 'value'\n"}
"""What the file must have too, without which a setting is refused."""
COMPANIONS = {"http.issuer": {"FILEWARDEN_HTTP_JWKS_FILE": "/srv/keys.json"}}
"""Variables without which a setting is refused."""


def sample(option: Option) -> object:
    """A valid value that differs from the default wherever one exists."""
    if option.key in SAMPLES:
        return SAMPLES[option.key]
    match option.kind:
        case Kind.SWITCH:
            return True
        case Kind.WHOLE:
            return int(option.bounds.at_least or 0) + 1
        case Kind.NUMBER:
            return float(option.bounds.at_most or 0)
        case Kind.CHOICE:
            return option.choices[-1]
        case _:
            return "/srv/value" if option.is_path else "value"


def text_of(value: object) -> str:
    """The value as a variable or flag has it."""
    match value:
        case tuple():
            return ",".join(map(str, value))
        case dict():
            return ",".join(f"{name}={figure}" for name, figure in value.items())
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def value_in(loaded: Loaded, key: str) -> object:
    value: object = getattr(getattr(loaded.settings, options()[key].section), options()[key].name)
    return value


def in_toml(key: str, value: str) -> str:
    section, _, name = key.partition(".")
    return f"[{section}]\n{name} = {value}\n"


@pytest.mark.parametrize("key", KEYS)
def test_the_file_sets_it(key: str, loaded: Load) -> None:
    value = sample(options()[key])
    found = loaded(text=in_toml(key, written(value)) + BESIDE.get(key, ""), **COMPANIONS.get(key, {}))
    assert value_in(found, key) == value
    assert found.origins[key] == found.file


@pytest.mark.parametrize("key", KEYS)
def test_its_variable_sets_it_and_wins_over_the_file(key: str, loaded: Load) -> None:
    option = options()[key]
    value = sample(option)
    assert option.make_default is not None
    default = 0 if key == "pool.scan_workers" else option.make_default()
    text = in_toml(key, written(default)) + BESIDE.get(key, "")
    found = loaded(text=text, **{option.variable: text_of(value)}, **COMPANIONS.get(key, {}))
    assert value_in(found, key) == value
    assert found.origins[key] == option.variable


@pytest.mark.parametrize("key", FLAGGED)
@pytest.mark.parametrize("joined", [True, False])
def test_its_flag_sets_it_and_wins_over_its_variable(key: str, joined: bool, loaded: Load) -> None:
    option = options()[key]
    value = sample(option)
    words = [option.flag, text_of(value)]
    if option.kind is Kind.SWITCH:
        words = [option.flag]
    elif joined:
        words = ["=".join(words)]
    assert option.make_default is not None
    found = loaded(*words, text=BESIDE.get(key), **{option.variable: text_of(option.make_default())})
    assert value_in(found, key) == value
    assert found.origins[key] == option.flag


@pytest.mark.parametrize("key", KEYS)
def test_unset_it_has_its_default(key: str, loaded: Load) -> None:
    assert loaded().origins[key] == "default"


@pytest.mark.parametrize("key", NUMBERS)
def test_both_bounds_are_kept_from_every_source(key: str, refused: Refuse) -> None:
    option = options()[key]
    bounds = option.bounds
    low = f"must be above {bounds.above:g}" if bounds.above is not None else f"must be at least {bounds.at_least:.15g}"
    too_low = 0 if bounds.above is not None else int(bounds.at_least or 0) - 1
    too_high = int(bounds.at_most or 0) + 1
    for value, sentence in ((too_low, low), (too_high, f"must be at most {bounds.at_most:.15g}")):
        assert f"{key} = {value} ({option.variable}): {sentence}" in refused(**{option.variable: str(value)})
        assert f": {sentence}" in refused(text=in_toml(key, str(value)))
        if option.flag:
            assert f"{key} = {value} ({option.flag}): {sentence}" in refused(option.flag, str(value))


@pytest.mark.parametrize("key", NUMBERS)
def test_the_bounds_themselves_are_allowed(key: str, loaded: Load) -> None:
    option = options()[key]
    around = {"FILEWARDEN_POOL_WORKERS": "64"} if key == "pool.scan_workers" else {}
    for bound in (option.bounds.at_least, option.bounds.at_most):
        if bound is not None:
            assert value_in(loaded(**around, **{option.variable: f"{bound:.15g}"}), key) == bound


WRONG_TYPES = {
    Kind.SWITCH: ("1", '"yes"'),
    Kind.WHOLE: ("1.5", '"2"', "true", "1979-05-27"),
    Kind.NUMBER: ('"2"', "true", "nan", "[]"),
    Kind.TEXT: ("1", "true", '["a"]'),
    Kind.CHOICE: ("1", "false", "[]"),
    Kind.LIST: ('"a"', "[1]", "{}"),
    Kind.TABLE: ("1", '{a = "1"}', "{a = true}"),
}


@pytest.mark.parametrize("key", KEYS)
def test_another_type_in_the_file_is_refused(key: str, refused: Refuse) -> None:
    for wrong in WRONG_TYPES[options()[key].kind]:
        text = refused(text=in_toml(key, wrong))
        assert text.startswith(f"config error: 1 problem\n  {key} = ")
        assert "settings.toml): must be " in text


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("wrong", ["", "four", "1_0x", "\u0664", "nan", "0x10", "9" * 5000])
def test_a_variable_that_is_no_figure_is_refused(key: str, wrong: str, refused: Refuse) -> None:
    assert f"({options()[key].variable}): must be " in refused(**{options()[key].variable: wrong})


@pytest.mark.parametrize("key", CHOICES)
def test_only_the_choices_are_taken_and_the_nearest_is_named(key: str, refused: Refuse) -> None:
    option = options()[key]
    text = refused(**{option.variable: option.choices[0] + "x"})
    assert f'did you mean "{option.choices[0]}"?' in text
    assert all(f'"{choice}"' in text for choice in option.choices)


@pytest.mark.parametrize("key", TEXTS)
def test_texts_have_a_greatest_length_and_no_nul_and_are_utf8(key: str, refused: Refuse) -> None:
    option = options()[key]
    for wrong in ("x" * 5000, "a\0b", "\udcff"):
        assert f"{key} = " in refused(**{option.variable: wrong})


@pytest.mark.parametrize("word", ["true", "1", "yes", "YES", "True"])
def test_words_for_true(word: str, loaded: Load) -> None:
    assert loaded(FILEWARDEN_HTTP_ENABLED=word).settings.http.enabled is True


@pytest.mark.parametrize("word", ["false", "0", "no"])
def test_words_for_false(word: str, loaded: Load) -> None:
    assert loaded(text="[http]\nenabled = true", FILEWARDEN_HTTP_ENABLED=word).settings.http.enabled is False


@pytest.mark.parametrize("word", ["", "on", "2", "maybe"])
def test_other_words_are_neither(word: str, refused: Refuse) -> None:
    assert "must be true or false (also yes and no, 1 and 0)" in refused(FILEWARDEN_HTTP_ENABLED=word)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("search_text", "must be pairs"),
        ("a=x", "must be a number"),
        ("a=0", "a must be above 0"),
        ("a=1,b=3601", "b must be at most 3600"),
        ("a b=1", "must have tool names for keys"),
        (",".join(f"t{number}=1" for number in range(101)), "must have at most 100 entries"),
    ],
)
def test_deadlines_of_tools_are_checked_one_by_one(text: str, sentence: str, refused: Refuse) -> None:
    assert sentence in refused(FILEWARDEN_DEADLINES_TOOL=text)


def test_lists_are_bounded_and_their_entries_not_empty(refused: Refuse) -> None:
    many = ",".join(["a.example"] * 101)
    assert "must have at most 100 entries" in refused(FILEWARDEN_HTTP_ALLOWED_HOSTS=many)
    assert "entry 2 must not be empty" in refused(text='[http]\nallowed_hosts = ["a", ""]')


def test_a_whole_number_is_a_number(loaded: Load) -> None:
    found = loaded(text="[deadlines]\nread_s = 3\ntool = {read_file = 4}\n").settings.deadlines
    assert (found.read_s, found.tool) == (3.0, {"read_file": 4.0})
    assert isinstance(found.read_s, float)
    assert isinstance(found.tool["read_file"], float)


def test_a_number_beyond_every_float_is_refused(refused: Refuse) -> None:
    assert "is far too large" in refused(text=f"[deadlines]\nread_s = 1{'0' * 400}\n")
