"""Where clients learn which issuer's tokens are taken here (RFC 9728)."""

from urllib.parse import urlsplit

import msgspec

WELL_KNOWN = "/.well-known/oauth-protected-resource"
METHODS = ("GET", "HEAD")


def metadata_url(resource: str) -> str:
    """The well-known address of a resource: its path comes after the well-known one (RFC 9728, 3.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path}"


def metadata_paths(resource: str) -> tuple[str, ...]:
    """Where the document is served: for the resource by its own path, for `/mcp`, and for the whole host."""
    return tuple(dict.fromkeys((WELL_KNOWN, f"{WELL_KNOWN}/mcp", WELL_KNOWN + urlsplit(resource).path)))


def metadata_document(resource: str, issuer: str, scopes: tuple[str, ...]) -> bytes:
    """The document itself."""
    return msgspec.json.encode(
        {
            "resource": resource,
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
            "resource_name": "Filewarden",
        }
    )
