"""Variables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.load import Loaded

Load = Callable[..., Loaded]
Refuse = Callable[..., str]


@pytest.mark.parametrize(
    ("variable", "part"),
    [
        ("FILEWARDEN_POOL_WORKER", 'did you mean "FILEWARDEN_POOL_WORKERS"?'),
        ("FILEWARDEN_HTTP_PROT", 'did you mean "FILEWARDEN_HTTP_PORT"?'),
        ("FILEWARDEN_STATUS", "unknown variable"),
        ("FILEWARDEN_ROOT", "MCP_ROOT names the roots"),
        ("FILEWARDEN_ROOTS", "MCP_ROOT names the roots"),
        ("FILEWARDEN_ROOTS_PATH", "MCP_ROOT names the roots"),
    ],
)
def test_an_unknown_variable_of_our_sections_is_refused(variable: str, part: str, refused: Refuse) -> None:
    text = refused(**{variable: "1"})
    assert f"{variable} (environment): unknown variable" in text
    assert part in text


def test_a_variable_of_no_section_is_only_warned_of(loaded: Load) -> None:
    warnings = loaded(FILEWARDEN_SERVICE_HOST="10.0.0.1", FILEWARDEN_SANDBX_MODE="off").warnings
    assert any(warning.startswith("FILEWARDEN_SERVICE_HOST (environment)") for warning in warnings)
    assert any('did you mean "FILEWARDEN_SANDBOX_MODE"?' in warning for warning in warnings)
    (warning,) = loaded(FILEWARDEN_DEBUG="1").warnings
    assert warning.endswith("is ignored"), "what all variables begin with makes none of them near"


@pytest.mark.parametrize("flag", ["config", "profile"])
def test_what_only_a_flag_names_is_told_its_flag(flag: str, loaded: Load) -> None:
    (warning,) = loaded(**{f"FILEWARDEN_{flag.upper()}": "x"}).warnings
    assert warning.endswith(f"is ignored: --{flag} names the {'file' if flag == 'config' else flag}")


def test_what_clients_keep_the_token_in_is_not_ours(loaded: Load) -> None:
    (warning,) = loaded(FILEWARDEN_TOKEN="secret").warnings
    assert warning.endswith("is for clients: a server's own token is in http.token_file")


def test_other_variables_are_none_of_our_business(loaded: Load) -> None:
    assert loaded(PATH="/bin", POOL_WORKERS="0", filewarden_pool_workers="0").warnings == ()


def test_the_root_variable_takes_several_and_skips_empty_parts(loaded: Load, tmp_path: Path, home: Path) -> None:
    (tmp_path / "a").mkdir()
    (home / "b").mkdir()
    found = loaded(rootless=True, MCP_ROOT=f":{tmp_path}/a::~/b:")
    assert [root.path for root in found.settings.roots] == [f"{tmp_path}/a", f"{home}/b"]
    assert found.origins["roots.1.path"] == "MCP_ROOT"


def test_an_empty_root_variable_names_none(refused: Refuse) -> None:
    assert "no folder to serve" in refused(rootless=True, MCP_ROOT="")


def test_lists_are_separated_by_commas(loaded: Load) -> None:
    assert loaded(FILEWARDEN_HTTP_ALLOWED_HOSTS=" a.example, b.example ,").settings.http.allowed_hosts == (
        "a.example",
        "b.example",
    )
    assert loaded(FILEWARDEN_HTTP_ALLOWED_HOSTS="").settings.http.allowed_hosts == ()


def test_paths_become_absolute(loaded: Load, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = loaded(FILEWARDEN_AUDIT_FILE="~/audit", FILEWARDEN_LOG_FILE="log").settings
    assert (found.audit.file, found.log.file) == (f"{home}/audit", f"{tmp_path}/log")
    assert loaded(FILEWARDEN_LOG_FILE="").settings.log.file == ""
