"""The table and the choice from it."""

import pytest

from filewarden.broker.protocol.revisions import REVISIONS, Era, negotiate


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_legacy_revision_is_answered_with_itself(version: str) -> None:
    assert negotiate(version).name == version


@pytest.mark.parametrize("version", ["2026-07-28", "2099-01-01", "1999-01-01", "DRAFT-2026", "", "2025-11-25 ", "1.0"])
def test_anything_else_is_answered_with_the_newest_legacy_revision(version: str) -> None:
    assert negotiate(version).name == "2025-11-25"


def test_the_table_has_every_published_revision_once() -> None:
    assert list(REVISIONS) == ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
    assert [name for name, each in REVISIONS.items() if each.era is Era.MODERN] == ["2026-07-28"]
    assert all(name == each.name for name, each in REVISIONS.items())


# protocol feature -> the revisions that have it, oldest first
FEATURES = {
    "has_batches": "01000",
    "sends_null_id": "11100",
    "has_audio": "01111",
    "has_tool_annotations": "01111",
    "has_progress_message": "01111",
    "has_completions_capability": "01111",
    "has_titles": "00111",
    "has_object_meta": "00111",
    "has_structured_content": "00111",
    "has_any_structured_root": "00001",
    "has_resource_links": "00111",
    "has_completion_context": "00111",
    "has_elicitation": "00111",
    "has_icons": "00011",
    "primes_streams": "00010",
    "has_result_type": "00001",
    "has_cache_fields": "00001",
    "has_extensions": "00001",
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_in_the_revisions_that_define_it(feature: str) -> None:
    found = "".join(str(int(getattr(each, feature))) for each in REVISIONS.values())
    assert found == FEATURES[feature]


def test_every_flag_of_a_revision_is_tested() -> None:
    flags = {name for each in REVISIONS.values() for name in each.__struct_fields__}
    assert flags - {"name", "era", "resource_not_found"} == set(FEATURES)


def test_only_the_modern_revision_reports_a_missing_resource_as_invalid_params() -> None:
    assert [each.resource_not_found for each in REVISIONS.values()] == [-32002, -32002, -32002, -32002, -32602]
