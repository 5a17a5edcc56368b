"""Defaults, bounds and the one declaration of each setting."""

import msgspec
import pytest

from filewarden.config.options import Kind, options, root_options
from filewarden.config.protected import CODE_EXECUTION
from filewarden.config.sections.pool import PoolSettings, available_cores, default_scan_workers, default_workers
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings

DEFAULTS: dict[str, object] = {
    "pool.spares": 1,
    "pool.write_workers": 1,
    "pool.worker_memory_mb": 256,
    "pool.recycle_after_calls": 10000,
    "pool.recycle_after_s": 3600.0,
    "pool.recycle_above_mb": 128,
    "pool.start_timeout_s": 5.0,
    "pool.drain_s": 5.0,
    "pool.zeromq": "built-in",
    "deadlines.read_s": 10.0,
    "deadlines.scan_s": 20.0,
    "deadlines.write_s": 20.0,
    "deadlines.grace_s": 0.25,
    "deadlines.ask_s": 120.0,
    "deadlines.task_after_s": 2.0,
    "deadlines.tool": {},
    "limits.max_file_bytes": 1048576,
    "limits.max_media_bytes": 3932160,
    "limits.max_answer_chars": 40000,
    "limits.max_results": 200,
    "limits.queue": 256,
    "limits.tasks": 32,
    "limits.task_ttl_s": 600.0,
    "limits.per_client_in_flight": 32,
    "limits.max_watches": 1000,
    "limits.max_message_bytes": 16777216,
    "writes.confirm": "never",
    "writes.protect": "code-execution",
    "writes.protected": CODE_EXECUTION,
    "writes.durability": "full",
    "writes.min_free_bytes": 67108864,
    "writes.max_file_bytes": 8388608,
    "writes.trash_max_bytes": 1073741824,
    "writes.trash_max_age_s": 2592000.0,
    "writes.trash_min_age_s": 86400.0,
    "writes.max_bytes_per_minute": 0,
    "writes.max_files_per_minute": 0,
    "history.enabled": True,
    "history.max_bytes": 268435456,
    "history.max_age_s": 2592000.0,
    "http.enabled": False,
    "http.host": "127.0.0.1",
    "http.port": 8765,
    "http.auth": "token",
    "http.token_file": "",
    "http.allowed_origins": (),
    "http.allowed_hosts": (),
    "http.issuer": "",
    "http.jwks_file": "",
    "http.jwks_url": "",
    "http.jwks_refresh_s": 300.0,
    "http.resource": "",
    "http.algorithms": ("RS256", "PS256", "ES256", "EdDSA"),
    "http.required_scopes": ("files:read",),
    "http.sealing_keys_file": "",
    "http.replica": "",
    "http.max_sessions": 100,
    "http.max_sessions_per_principal": 0,
    "http.session_idle_s": 1800.0,
    "http.always_stream": False,
    "http.poll_after_s": 30.0,
    "http.max_unread_bytes": 134_217_728,
    "http.max_kept_bytes": 67_108_864,
    "access.others": "serve",
    "access.profile": "",
    "access.max_profiles": 16,
    "access.tokens_folder": "",
    "tools.only": (),
    "tools.plugins": (),
    "status.address": "auto",
    "sandbox.mode": "required",
    "sandbox.user": "",
    "audit.file": "",
    "audit.on_error": "refuse",
    "audit.max_bytes": 67108864,
    "audit.keep": 10,
    "log.level": "info",
    "log.format": "text",
    "log.file": "",
    "log.calls": False,
    "telemetry.otlp_endpoint": "",
    "telemetry.headers_file": "",
    "telemetry.sample_ratio": 1.0,
    "telemetry.queue": 4096,
}


def test_the_settings_and_defaults_are_those_of_the_design() -> None:
    settings = Settings()
    found = {key: getattr(getattr(settings, option.section), option.name) for key, option in options().items()}
    assert found.pop("pool.workers") == max(2, min(4, available_cores()))
    assert found.pop("pool.scan_workers") == min(max(1, available_cores() - 1), default_workers() - 1)
    assert found == DEFAULTS


def test_a_root_is_read_only_and_hides_nothing_by_default() -> None:
    assert RootSettings(path="/srv", name="srv") == RootSettings(
        path="/srv", name="srv", mode="ro", deny=(), links="allow", one_filesystem=False
    )
    assert list(root_options()) == ["path", "name", "mode", "deny", "links", "one_filesystem"]


@pytest.mark.parametrize("workers", [1, 2, 3, 64])
def test_scans_never_take_every_worker(workers: int) -> None:
    assert default_scan_workers(workers) <= workers - 1
    assert default_scan_workers(1) == 0


@pytest.mark.parametrize("key", options())
def test_every_setting_has_a_sentence_and_every_size_both_bounds(key: str) -> None:
    option = options()[key]
    assert option.sentence.endswith(".")
    bounds = option.items if option.kind is Kind.TABLE else option.bounds
    if option.kind in {Kind.WHOLE, Kind.NUMBER, Kind.TABLE}:
        assert bounds.at_most is not None
        assert (bounds.at_least is None) != (bounds.above is None)
    if option.kind in {Kind.TEXT, Kind.LIST, Kind.TABLE}:
        assert option.bounds.longest is not None


@pytest.mark.parametrize("key", [key for key in options() if key.startswith("deadlines.")])
def test_deadlines_are_above_zero(key: str) -> None:
    option = options()[key]
    assert (option.items if option.kind is Kind.TABLE else option.bounds).above == 0


def test_variables_and_flags_are_unique() -> None:
    rows = list(options().values())
    flags = [row.flag for row in rows if row.flag]
    assert len({row.variable for row in rows}) == len(rows)
    assert len(set(flags)) == len(flags)
    assert options()["http.allowed_origins"].variable == "FILEWARDEN_HTTP_ALLOWED_ORIGINS"


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        PoolSettings().workers = 9  # type: ignore[misc]  # that it is refused is the point


def test_the_tree_itself_refuses_values_out_of_bounds() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"pool": {"workers": 0}}, Settings)
