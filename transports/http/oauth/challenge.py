"""What a client is told that brings no token, a wrong one, or too few rights (RFC 6750, RFC 9728)."""

from collections.abc import Iterable

from filewarden.transports.http.answer import Answer, problem


class Challenges:
    """The answers. Nothing of what the client sent is repeated in them."""

    def __init__(self, metadata_url: str, scopes: Iterable[str]) -> None:
        self._metadata_url = metadata_url
        self._scope = " ".join(scopes)

    def missing(self) -> Answer:
        """No token came where one is taken."""
        return self._answer(401, "send an access token of the issuer as Authorization: Bearer", "", self._scope)

    def invalid(self, reason: str) -> Answer:
        """The token is not accepted."""
        return self._answer(401, reason, "invalid_token", self._scope)

    def malformed(self, reason: str) -> Answer:
        """The request cannot be understood as one that is authorized."""
        return self._answer(400, reason, "invalid_request", self._scope)

    def insufficient(self, needed: Iterable[str]) -> Answer:
        """The token is fine and too weak: here is everything that this request needs."""
        sentence = "the token does not grant what this needs"
        return self._answer(403, sentence, "insufficient_scope", " ".join(needed))

    def _answer(self, status: int, sentence: str, error: str, scope: str) -> Answer:
        facts = {"realm": "mcp", "error": error, "scope": scope, "resource_metadata": self._metadata_url}
        if error:
            facts["error_description"] = sentence
        challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in facts.items() if value)
        return problem(status, sentence, (b"www-authenticate", challenge.encode()))
