"""The JSON Schema of the configuration file, for editors."""

import msgspec

from filewarden.config.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, object]:
    """Describe the whole file; sections are under `$defs`."""
    (reference,), definitions = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    whole: dict[str, object] = definitions.pop(reference["$ref"].rpartition("/")[2])
    return {"$schema": DIALECT, **whole, "title": "Filewarden configuration", "$defs": definitions}
