import json

import pytest

from filewarden.transports.http.oauth.metadata import metadata_document, metadata_paths, metadata_url


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("http://127.0.0.1:8765/mcp", "http://127.0.0.1:8765/.well-known/oauth-protected-resource/mcp"),
        ("https://[::1]:8765/mcp", "https://[::1]:8765/.well-known/oauth-protected-resource/mcp"),
        ("https://files.example/team/mcp", "https://files.example/.well-known/oauth-protected-resource/team/mcp"),
        ("https://files.example", "https://files.example/.well-known/oauth-protected-resource"),
    ],
)
def test_the_document_is_found_by_the_resource(resource: str, expected: str) -> None:
    assert metadata_url(resource) == expected
    paths = metadata_paths(resource)
    assert any(expected.endswith(path) for path in paths)
    assert {"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} <= set(paths)
    assert len(set(paths)) == len(paths)


def test_what_the_document_says() -> None:
    document = json.loads(metadata_document("https://files.example/mcp", "https://issuer.example", ("files:read",)))
    assert document == {
        "resource": "https://files.example/mcp",
        "authorization_servers": ["https://issuer.example"],
        "scopes_supported": ["files:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Filewarden",
    }
