import pytest
from hypothesis import given, strategies as st

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.file_uris import expansion_of, path_of, template_of, uri_of
from filewarden.workers.paths.names import parse


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///home/me/a.txt", "/home/me/a.txt"),
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file://LocalHost/a", "/a"),
        ("file:///a%20b", "/a b"),
        ("file:///a b", "/a b"),
        ("file:///%C3%A9", "/é"),
        ("file:///é", "/é"),
        ("file:///%252e%252e/a", "/%2e%2e/a"),
        ("file:///a%3Fb%23c", "/a?b#c"),
        ("file:///%FF", "/\\xFF"),
        ("file:///a%5Cx41", "/a\\x5Cx41"),
        ("file:///", "/"),
        ("file:////etc/passwd", "//etc/passwd"),
    ],
)
def test_a_uri_is_decoded_exactly_once(uri: str, path: str) -> None:
    assert path_of(uri) == path


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/home/me/a.txt",
        "file:",
        "file:/a",
        "file:a",
        "file://",
        "file://a.txt",
        "files:///a",
        "http:///a",
        "test://static-text",
        " file:///a",
        "file://evil.test/a",
        "file://localhost.evil.test/a",
        "file://localhost:80/a",
        "file://me@localhost/a",
        "file://me@/a",
        "file://127.0.0.1/a",
        "file://%6cocalhost/a",
        "file:///a?b",
        "file:///a?",
        "file:///a#b",
        "file:///a#",
        "file:///R/../OUT",
        "file:///R/%2e%2e/OUT",
        "file:///R/.%2E/OUT",
        "file:///R/..%2fOUT",
        "file:///R%2fa",
        "file:///a%00b",
        "file:///a\0b",
        "file:///a%",
        "file:///a%4",
        "file:///a%zz",
        "file:///a%%41",
        "file:///\ud800",
        "file:///" + "a" * 16_400,
    ],
)
def test_p38_what_is_no_plain_file_uri_is_refused(uri: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        path_of(uri)
    assert refused.value.code is Code.INVALID_ARGUMENT


names = st.binary(min_size=1, max_size=40).filter(lambda name: not {b"/"[0], 0} & set(name) and name != b"..")


@given(name=names)
def test_every_name_has_a_uri_that_leads_back_to_it(name: bytes) -> None:
    uri = uri_of(b"/R/" + name)
    assert uri.isascii()
    assert parse(path_of(uri)) == b"/R/" + name


@given(name=names)
def test_every_name_has_a_readable_form_for_a_template(name: bytes) -> None:
    expanded = template_of(b"/R").replace("{+path}", expansion_of(name))
    assert parse(path_of(expanded)) == b"/R/" + name


def test_a_readable_form_stays_readable() -> None:
    assert expansion_of("Größe 2 [a]&b.txt".encode()) == "Größe 2 [a]&b.txt"
    assert expansion_of(b"100%?#\x1b\xff") == "100%25%3F%23%1B%FF"


def test_a_template_takes_the_root_literally() -> None:
    assert template_of(b"/tmp/{a}/100% b") == "file:///tmp/%7Ba%7D/100%25%20b/{+path}"
