"""The `[http]` table: the listener, and who may call it."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.sections.section import Section


class HttpSettings(Section, frozen=True, kw_only=True):
    """The HTTP listener."""

    enabled: Annotated[bool, Meta(description="Serve HTTP instead of stdio.", extra={"flag": "--http"})] = False
    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="Address to listen on; one that is not loopback needs auth.",
            extra={"flag": "--host", "metavar": "H"},
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Port to listen on; 0 takes a free one.",
            extra={"flag": "--port", "metavar": "N"},
        ),
    ] = 8765
    auth: Annotated[
        Literal["token", "none"],
        Meta(
            description='Who may call: holders of the token, or with "none" (loopback only) anyone on this machine.',
            extra={"flag": "--auth"},
        ),
    ] = "token"
    token_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description='Where the token is kept, created at first start; "" is a file in the state folder.',
            extra={"is_path": True},
        ),
    ] = ""
    allowed_origins: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...],
        Meta(max_length=100, description="Web origins that may call, beyond our own."),
    ] = ()
    allowed_hosts: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...],
        Meta(max_length=100, description="Host names that requests may be addressed to, beyond localhost."),
    ] = ()
    issuer: Annotated[
        str,
        Meta(
            max_length=2000,
            description="The OAuth authorization server whose tokens clients bring instead of our own, which is then "
            'for the status pages alone; "" is off.',
        ),
    ] = ""
    jwks_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description="File with the issuer's public keys (a JWK set), read again when it changes; this or "
            "jwks_url goes with an issuer.",
            extra={"is_path": True},
        ),
    ] = ""
    jwks_url: Annotated[
        str,
        Meta(
            max_length=2000,
            description="Where the issuer's public keys are fetched: https, or http on this machine.",
        ),
    ] = ""
    jwks_refresh_s: Annotated[
        float, Meta(ge=10, le=86400, description="Seconds until the issuer's keys are fetched again.")
    ] = 300.0
    resource: Annotated[
        str,
        Meta(
            max_length=2000,
            description='The address of /mcp as clients have it, which tokens must be issued for; "" is made of host '
            "and port.",
        ),
    ] = ""
    algorithms: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=20)], ...],
        Meta(
            min_length=1, max_length=20, description="How tokens may be signed: RS, PS or ES with 256, 384, 512; EdDSA."
        ),
    ] = ("RS256", "PS256", "ES256", "EdDSA")
    required_scopes: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(
            max_length=20,
            description="Scopes that every request needs of the issuer's token; files:write counts as files:read.",
        ),
    ] = ("files:read",)
    sealing_keys_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description="File with the keys that cursors are sealed with, one a line: the first seals, all open; "
            '"" makes one at every start.',
            extra={"is_path": True},
        ),
    ] = ""
    replica: Annotated[
        str,
        Meta(
            max_length=253,
            description="What this one of several servers behind a load balancer is called in its status.",
        ),
    ] = ""
    max_sessions: Annotated[int, Meta(ge=1, le=10000, description="Sessions that may be open at the same time.")] = 100
    max_sessions_per_principal: Annotated[
        int,
        Meta(
            ge=0,
            le=10000,
            description="How many of them one principal may have open; 0 is half of them with an issuer, else all.",
        ),
    ] = 0
    session_idle_s: Annotated[
        float, Meta(ge=1, le=604800, description="Seconds without a request until a session is closed.")
    ] = 1800.0
    always_stream: Annotated[
        bool, Meta(description="Answer a session's requests by events, also where plain JSON would do.")
    ] = False
    poll_after_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=3600,
            description="Seconds that a call may stay silent until its event stream is closed, and its client polls.",
        ),
    ] = 30.0
    max_unread_bytes: Annotated[
        int,
        Meta(
            ge=16 * 1024 * 1024,
            le=64 * 1024**3,
            description="Bytes that may be held for all clients together until they read them; whoever left the most "
            "is dropped.",
        ),
    ] = 128 * 1024 * 1024
    max_kept_bytes: Annotated[
        int,
        Meta(
            ge=1024 * 1024,
            le=64 * 1024**3,
            description="Bytes of events that are kept for all sessions together, to be sent again to whoever lost a "
            "stream.",
        ),
    ] = 64 * 1024 * 1024
