"""Profiles: what each says itself, what it takes from outside, and what is wrong with them alone and together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.load import Loaded, served
from filewarden.config.principals import Clientele, can_be_same, principal_fault
from filewarden.config.profiles import all_roots, served_names, settings_for
from filewarden.config.show import show, show_json

Load = Callable[..., Loaded]
Refuse = Callable[..., str]

BUILDS = """
[limits]
max_results = 11
queue = 9
[pool]
workers = 3
[[profiles]]
name = "builds"
principals = ["token:ci", "oauth:robot-*"]
[[profiles.roots]]
path = "builds"
mode = "rw"
deny = ["*.key"]
[profiles.limits]
max_results = 7
[profiles.pool]
workers = 2
"""
HTTP = {"FILEWARDEN_HTTP_ENABLED": "true"}
ISSUER = {**HTTP, "FILEWARDEN_HTTP_ISSUER": "https://i.example", "FILEWARDEN_HTTP_JWKS_FILE": "/srv/keys.json"}


@pytest.fixture
def builds(tmp_path: Path) -> Path:
    folder = tmp_path / "builds"
    folder.mkdir()
    return folder


def test_a_profile_says_some_things_itself_and_takes_the_rest_from_outside(
    loaded: Load, builds: Path, project: Path
) -> None:
    settings = loaded(text=BUILDS, **ISSUER).settings
    ours, outside = settings_for(settings, "builds"), settings_for(settings, "")
    assert [(root.name, root.path, root.mode, root.deny) for root in ours.roots] == [
        ("builds", str(builds), "rw", ("*.key",))
    ]
    assert (ours.limits.max_results, ours.limits.queue, outside.limits.max_results) == (7, 9, 11)
    assert (ours.pool.workers, outside.pool.workers) == (2, 3)
    assert ours.pool.scan_workers == 1  # as many as its own workers allow
    assert [root.path for root in outside.roots] == [str(project)]
    assert {root.path for root in all_roots(settings)} == {str(project), str(builds)}
    assert ours.profiles == outside.profiles == ()


def test_on_stdio_one_profile_is_everything(loaded: Load, builds: Path, project: Path) -> None:
    assert [root.path for root in served(loaded(text=BUILDS)).settings.roots] == [str(project)]
    chosen = served(loaded("--profile", "builds", text=BUILDS))
    assert [root.path for root in chosen.settings.roots] == [str(builds)]
    assert chosen.spellings == (str(builds),)
    assert chosen.settings.limits.max_results == 7
    assert served_names(chosen.settings) == [""]


def test_flags_that_are_about_roots_leave_those_of_profiles_alone(loaded: Load, builds: Path) -> None:
    text = BUILDS.replace('mode = "rw"\n', "")
    settings = loaded("--allow-write", text=text, **ISSUER).settings
    assert [root.mode for root in settings.roots] == ["rw"]
    assert [root.mode for root in settings.profiles[0].roots] == ["ro"]


@pytest.mark.parametrize(
    ("text", "variables", "part"),
    [
        ("[[profiles]]", {}, "profiles.0.name ({file}): is missing"),
        ("[profiles]\nname = 'a'", {}, "profiles ({file}): must be a list of tables: write [[profiles]]"),
        ("[[profiles]]\nname = 'A b'", {}, 'profiles.0.name = "A b" ({file}): must be of a-z'),
        ("[[profiles]]\nname = 'a'\nrots = 1", {}, 'profiles.0.rots ({file}): unknown key; did you mean "roots"?'),
        ("[[profiles]]\nname = 'a'\n[profiles.http]\nport = 1", {}, "profiles.0.http ({file}): unknown key"),
        ("[[profiles]]\nname = 'a'\n[profiles.pool]\nworker = 1", {}, "profiles.0.pool.worker ({file}): unknown key"),
        ("[[profiles]]\nname = 'a'\n[profiles.pool]\nworkers = 0", {}, "profiles.0.pool.workers = 0 ({file}): must be"),
        ("[[profiles]]\nname = 'a'\n[profiles.pool]\ndrain_s = 1", {}, "profiles.0.pool.drain_s ({file}): is the same"),
        ("[[profiles]]\nname = 'a'\npool = 1", {}, "profiles.0.pool ({file}): must be a table: write [profiles.pool]"),
        ("[[profiles]]\nname = 'a'\n[[profiles.roots]]", {}, "profiles.0.roots.0.path ({file}): is missing"),
        ("[[profiles]]\nname = 'a'\nroots = 1", {}, "profiles.0.roots ({file}): must be a list of tables: write [[pro"),
        ("[[profiles]]\nname = 'a'\n[[profiles.roots]]\npath = 'no'", {}, "profiles.0.roots.0.path = {folder}/no"),
        ("[[profiles]]\nname = 'a'\n[[profiles]]\nname = 'a'", {}, "is the name of another profile too"),
        ("[[profiles]]\nname = 'a'\nprincipals = ['ci']", {}, 'profiles.0.principals = "ci" ({file}): must begin with'),
        ("[[profiles]]\nname = 'a'\nprincipals = ['token:../x']", {}, "must name a token by 1 to 64"),
        (
            "[[profiles]]\nname = 'a'\nprincipals = ['oauth:ci-*']\n[[profiles]]\nname = 'b'\nprincipals=['oauth:*7']",
            ISSUER,
            'profiles.1.principals = "oauth:*7" ({file}): could be somebody of the profile "a" too ("oauth:ci-*")',
        ),
        ("[[profiles]]\nname = 'a'\nprincipals = ['oauth:x']", HTTP, "need http.issuer"),
        (
            "[[profiles]]\nname = 'a'\nprincipals = ['token:x']",
            {**HTTP, "FILEWARDEN_HTTP_AUTH": "none"},
            'cannot be told apart with http.auth = "none"',
        ),
        ("[[profiles]]\nname = 'a'\n[access]\nmax_profiles = 1\n[[profiles]]\nname = 'b'", {}, "allows 1"),
        ("[[profiles]]\nname = 'a'\n[access]\nprofile = 'b'", {}, "there is no such profile: there are a"),
        ("[[profiles]]\nname = 'a'\n[access]\nprofile = 'a'", HTTP, "is for stdio"),
        ("[access]\nothers = 'refuse'", HTTP, "leaves nobody to serve"),
        ("[[profiles]]\nname = 'a'\n[access]\nothers = 'refuse'", {}, "must name the profile to serve"),
        (
            "[[profiles]]\nname = 'a'\n[profiles.pool]\nworkers = 2\nscan_workers = 2",
            {},
            "profiles.0.pool.scan_workers = 2 ({file}): must be at most 1",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    text: str, variables: dict[str, str], part: str, refused: Refuse, tmp_path: Path
) -> None:
    assert part.format(file=tmp_path / "settings.toml", folder=tmp_path) in refused(text=text, **variables)


def test_everybody_who_is_served_needs_a_folder(refused: Refuse, loaded: Load, builds: Path) -> None:
    bare = "[[profiles]]\nname = 'a'\nprincipals = ['token:a']\n"
    assert 'profile "a": no folder to serve' in refused(text=bare, rootless=True, **HTTP)
    rooted = f"{bare}[[profiles.roots]]\npath = 'builds'\n"
    assert "roots: no folder to serve" in refused(text=rooted, rootless=True, **HTTP)
    found = loaded(text=f"{rooted}[access]\nothers = 'refuse'\n", rootless=True, **HTTP)
    assert served_names(found.settings) == ["a"]


def test_folders_that_profiles_see_in_different_ways_are_warned_of(loaded: Load, builds: Path, project: Path) -> None:
    text = BUILDS.replace('path = "builds"', f'path = "{project}"')
    (warning,) = (each for each in loaded(text=text, **ISSUER).warnings if "shares files" in each)
    assert f"{project} (rw)" in warning
    assert f"{project} (ro)" in warning
    same = text.replace('mode = "rw"\ndeny = ["*.key"]\n', "")
    assert not any("shares files" in each for each in loaded(text=same, **ISSUER).warnings)


def test_folders_that_lie_in_a_folder_of_another_profile_are_shared_too(loaded: Load, project: Path) -> None:
    below = project / "below"
    below.mkdir()
    for inner, outer in ((below, project), (project, below)):
        text = BUILDS.replace('path = "builds"', f'path = "{inner}"')
        warnings = loaded("--root", str(outer), text=text, rootless=True, **ISSUER).warnings
        assert sum("shares files" in warning for warning in warnings) == 1


def test_what_a_profile_says_itself_is_shown(loaded: Load, builds: Path) -> None:
    found = loaded(text=BUILDS, **ISSUER)
    shown = show(found)
    assert "[[profiles]]" in shown
    assert "[[profiles.roots]]" in shown
    assert "profiles.0.limits.max_results" in show_json(found)
    assert "profiles.0.limits.queue" not in show_json(found)


@pytest.mark.parametrize(
    ("one", "other", "is_possible"),
    [
        ("oauth:a", "oauth:a", True),
        ("oauth:a", "oauth:b", False),
        ("oauth:a*", "oauth:*b", True),
        ("oauth:a*", "oauth:b*", False),
        ("oauth:*", "oauth:", True),
        ("oauth:*a*", "oauth:bb", False),
        ("oauth:x*z", "oauth:xyz", True),
        ("oauth:x*z", "oauth:x*y", False),
        ("token:a", "oauth:a", False),
        ("token:*", "token:a", False),
    ],
)
def test_patterns_that_somebody_could_match_both(one: str, other: str, is_possible: bool) -> None:
    assert can_be_same(one, other) is is_possible
    assert can_be_same(other, one) is is_possible


def test_a_subject_has_the_profile_that_names_it_or_that_of_all_others() -> None:
    named = [("a", ["oauth:x.y", "token:t"]), ("b", ["oauth:ci-*-z"])]
    everybody, nobody = Clientele(named), Clientele(named, None)
    assert [everybody.of_subject(who) for who in ("x.y", "xzy", "ci-1\n-z", "ci-z", "t")] == ["a", "", "b", "", ""]
    assert nobody.of_subject("somebody") is None
    assert principal_fault("oauth:") is not None
