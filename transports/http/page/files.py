"""The page's files, read once: the account that a server becomes may not be able to read its own package.

Everything that a browser may do with them is in the policy: run our scripts, draw our styles, talk to us. No script and
no style stands in the document itself, and none may be made of text (trusted types), so that a name which looks like
markup stays a name even if a line of ours were wrong.
"""

from pathlib import Path

from filewarden.transports.http.answer import Answer, Header

PREFIX = "/page/"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""`same-origin` and not `no-referrer`: with the latter a browser sends no origin with the form either (Fetch, 3.2)."""

_FILES = {
    file.name: file.read_bytes() for file in (Path(__file__).parent / "static").iterdir() if file.suffix in _TYPES
}
_MESSAGE = b"<!-- message -->"
_SIGN_OUT = (b"<!-- sign-out -->", b"<!-- /sign-out -->")


def paths() -> list[str]:
    """Where a browser finds what the documents refer to."""
    return [PREFIX + name for name in _FILES if not name.endswith(".html")]


def file_answer(path: str) -> Answer:
    """One of `paths`."""
    name = path.removeprefix(PREFIX)
    return Answer(200, _FILES[name], HEADERS, _TYPES[name[name.rindex(".") :]])


def page_answer(*, has_sign_out: bool) -> Answer:
    """The page itself."""
    document = _FILES["status.html"]
    if not has_sign_out:
        before, _, rest = document.partition(_SIGN_OUT[0])
        document = before + rest.partition(_SIGN_OUT[1])[2]
    return Answer(200, document, HEADERS, _TYPES[".html"])


def sign_in_answer(status: int, sentence: str, *headers: Header) -> Answer:
    """The form that asks for the token, with a sentence of ours that is no markup."""
    document = _FILES["sign-in.html"].replace(_MESSAGE, sentence.encode())
    return Answer(status, document, (*HEADERS, *headers), _TYPES[".html"])
