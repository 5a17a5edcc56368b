"""Addresses, exposure, and what is warned of."""

from collections.abc import Callable

import pytest

from filewarden.config.addresses import is_loopback, split_address
from filewarden.config.load import Loaded

Load = Callable[..., Loaded]
Refuse = Callable[..., str]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.255.254", "127.1.2.3", "::1", "localhost", "LocalHost"])
def test_loopback_needs_no_auth(host: str, loaded: Load) -> None:
    assert is_loopback(host)
    assert loaded("--http", "--auth", "none", "--host", host).settings.http.auth == "none"


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "128.0.0.1", "127.0.0.256", "127.0.0.01", "127.1", "127.0.0.1.example", "localhost.example"],
)
def test_anything_else_needs_auth(host: str, loaded: Load, refused: Refuse) -> None:
    assert not is_loopback(host)
    assert "http.host" in refused("--auth", "none", "--host", host)
    assert loaded("--host", host).settings.http.host == host


def test_listening_to_other_machines_is_warned_of(loaded: Load) -> None:
    assert any("overheard" in warning for warning in loaded("--http", "--host", "0.0.0.0").warnings)
    assert not loaded("--http").warnings


@pytest.mark.parametrize("host", ["http://x", "[::1]", "localhost:80", "a b", "user@x", "x/y", ""])
def test_a_host_is_a_host_alone(host: str, refused: Refuse) -> None:
    assert "http.host" in refused(f"--host={host}")


@pytest.mark.parametrize(
    ("address", "parts"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("a:65535", ("a", 65535))]
)
def test_addresses_are_split(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["auto", "off", "127.0.0.1:8766", "[::1]:8766", "0.0.0.0:9000"])
def test_status_addresses(address: str, loaded: Load) -> None:
    assert loaded("--status", address).settings.status.address == address


@pytest.mark.parametrize(
    "address",
    [
        "on",
        "",
        ":80",
        "localhost",
        "localhost:",
        "localhost:99999",
        "::1:80",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "x:y",
        "http://x:1",
        "a b:1",
        "x:\u0661",
    ],
)
def test_other_status_addresses_are_refused(address: str, refused: Refuse) -> None:
    assert "status.address" in refused(f"--status={address}")


def test_status_pages_for_other_machines_need_auth(refused: Refuse) -> None:
    assert "status.address" in refused("--status", "0.0.0.0:9000", "--auth", "none")


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://", "https://*.example", "https://a/", "https://a/b", "a.example", "https://a b"]
)
def test_an_allowed_origin_is_a_whole_origin(origin: str, refused: Refuse) -> None:
    assert "must be an origin such as" in refused(FILEWARDEN_HTTP_ALLOWED_ORIGINS=origin)


@pytest.mark.parametrize("host", ["*", "http://a", "a/b", "a:b", "[::1", "[a]", "[::1]x", "::1", "a b", ":80"])
def test_an_allowed_host_is_a_host(host: str, refused: Refuse) -> None:
    assert "must be a host name such as" in refused(FILEWARDEN_HTTP_ALLOWED_HOSTS=host)


@pytest.mark.parametrize("mode", ["best-effort", "off"])
def test_less_than_the_required_sandbox_is_announced(mode: str, loaded: Load) -> None:
    assert [warning for warning in loaded("--sandbox", mode).warnings if warning.startswith("sandbox.mode (--sandbox)")]
    assert not loaded("--sandbox", "required").warnings


@pytest.mark.parametrize("address", ["collector:4317", "ftp://x", "http://user@x:4318", "http://x/#part", "http://"])
def test_traces_go_to_a_plain_web_address(address: str, refused: Refuse) -> None:
    assert "telemetry.otlp_endpoint" in refused(text=f'[telemetry]\notlp_endpoint = "{address}"\n')


@pytest.mark.parametrize(
    ("address", "is_overheard"),
    [("http://collector.example", True), ("http://127.0.0.1:4318", False), ("https://collector.example", False)],
)
def test_traces_that_leave_the_machine_in_the_open_are_warned_of(
    address: str, is_overheard: bool, loaded: Load
) -> None:
    warnings = loaded(text=f'[telemetry]\notlp_endpoint = "{address}"\n').warnings
    assert any("without TLS" in warning for warning in warnings) is is_overheard
