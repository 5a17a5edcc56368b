"""What is opened at start for an issuer, and what a confined front-end keeps of it."""

import os
from pathlib import Path
from typing import Any

import pytest

from filewarden.config.errors import ConfigError
from filewarden.config.sections.http import HttpSettings
from filewarden.transports.http.oauth.protection import open_keys, reach_of_keys

ISSUER = "https://issuer.example"


def with_file(path: object) -> HttpSettings:
    return HttpSettings(issuer=ISSUER, jwks_file=str(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        ("[]", "no JWK set"),
        ('{"keys": []}', "no public key"),
        ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "no public key"),
    ],
)
def test_a_file_without_usable_keys_is_a_problem(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content)
        file.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        open_keys(with_file(file))
    [problem] = caught.value.problems
    assert problem.key == "http.jwks_file"
    assert reason in problem.sentence


def test_a_good_file_is_none(tmp_path: Path, issuer: Any) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(issuer.published())
    file.chmod(0o644)
    open_keys(with_file(file))


def test_the_file_and_the_folder_that_it_is_replaced_in_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "keys.json").touch()
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "keys.json").symlink_to("../real/keys.json")
    real = os.path.realpath(tmp_path)
    reach = reach_of_keys(with_file(tmp_path / "mounted" / "keys.json"), ["/srv/project"], [])
    assert reach.paths == (f"{real}/real/keys.json", f"{real}/mounted", f"{real}/real")
    assert not reach.ports


def test_no_folder_is_given_away_that_means_more(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    real = os.path.realpath(tmp_path)
    for folder, roots in ((home, []), (tmp_path, []), (home / "keys", [str(home)]), (home / "a", [str(home / "a/b")])):
        reach = reach_of_keys(with_file(folder / "keys.json"), roots, [os.path.realpath(home)])
        assert reach.paths == (f"{real}/{(folder / 'keys.json').relative_to(tmp_path)}",)
    assert reach_of_keys(with_file("/etc/keys.json"), [], []).paths == ("/etc/keys.json",)


@pytest.mark.parametrize(
    ("address", "port"),
    [("https://issuer.example/keys", 443), ("http://127.0.0.1/keys", 80), ("https://issuer.example:8443/keys", 8443)],
)
def test_for_an_address_the_resolver_and_its_port_are_reached(address: str, port: int) -> None:
    reach = reach_of_keys(HttpSettings(issuer=ISSUER, jwks_url=address), [], [])
    assert reach.ports == (port, 53)
    assert "/etc/hosts" in reach.paths
    assert all(path.startswith("/etc/") for path in reach.paths)
