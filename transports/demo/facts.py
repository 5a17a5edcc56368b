"""A JSON object from the server whose fields are asked for together with the type they must have."""

import json
from collections.abc import Mapping


class DemoFailure(Exception):
    """Something that the demonstration relies on did not hold; the sentence is for the person who watches."""


class Facts:
    """The fields of one JSON object; `origin` says in messages where it came from."""

    def __init__(self, fields: Mapping[str, object], origin: str) -> None:
        self._fields = fields
        self._origin = origin

    @classmethod
    def decode(cls, raw: bytes | str, origin: str) -> "Facts":
        """Decode one JSON object.

        Raises:
            DemoFailure: it is none.
        """
        try:
            value: object = json.loads(raw)
        except ValueError:
            raise DemoFailure(f"{origin} is not JSON: {raw[:80]!r}") from None
        return cls._checked(value, origin)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        """Return a field that is a string."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return value
        raise self._missing(name, "string")

    def number(self, name: str) -> float:
        """Return a field that is a number."""
        value = self._fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self._missing(name, "number")

    def count(self, name: str) -> int:
        """Return a field that is a whole number."""
        value = self._fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._missing(name, "whole number")

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        value = self._fields.get(name)
        if isinstance(value, bool):
            return value
        raise self._missing(name, "true or false")

    def part(self, name: str) -> "Facts":
        """Return a field that is an object."""
        return self._checked(self._fields.get(name), f"{name} in {self._origin}")

    def parts(self, name: str) -> list["Facts"]:
        """Return a field that is a list of objects."""
        value = self._fields.get(name)
        if isinstance(value, list):
            return [self._checked(item, f"{name} in {self._origin}") for item in value]
        raise self._missing(name, "list")

    def _missing(self, name: str, kind: str) -> DemoFailure:
        return DemoFailure(f"{self._origin} has no {name} that is a {kind}: {str(dict(self._fields))[:160]}")

    @staticmethod
    def _checked(value: object, origin: str) -> "Facts":
        if isinstance(value, dict):
            return Facts(value, origin)
        raise DemoFailure(f"{origin} is no JSON object: {value!r:.80}")
