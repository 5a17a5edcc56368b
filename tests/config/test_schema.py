"""The JSON Schema."""

import json
from typing import cast

import pytest

from filewarden.config.options import Kind, options
from filewarden.config.schema import json_schema

Node = dict[str, object]


def node(*path: str) -> Node:
    found: object = json_schema()
    for part in path:
        found = cast("Node", found)[part]
        reference = cast("Node", found).get("$ref") if isinstance(found, dict) else None
        if isinstance(reference, str):
            found = cast("Node", json_schema()["$defs"])[reference.removeprefix("#/$defs/")]
    return cast("Node", found)


def test_it_is_a_closed_schema_of_the_file_that_json_can_carry() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values())
    assert set(schema["properties"]) == {option.section for option in options().values()} | {"roots", "profiles"}
    assert schema["$defs"]["RootSettings"]["required"] == ["path"]


@pytest.mark.parametrize("key", options())
def test_every_setting_has_its_sentence_and_bounds(key: str) -> None:
    option = options()[key]
    found = node("properties", option.section, "properties", option.name)
    assert found["description"] == option.sentence
    if option.kind in {Kind.WHOLE, Kind.NUMBER}:
        assert found["maximum"] == option.bounds.at_most
        assert found.get("minimum") == option.bounds.at_least
        assert found.get("exclusiveMinimum") == option.bounds.above
    if option.kind is Kind.CHOICE:
        assert set(cast("list[str]", found["enum"])) == set(option.choices)
