"""Holders of named tokens: each is served by the profile that names it, everybody else is somebody else's to know."""

from collections.abc import Mapping

from filewarden.broker.protocol.principal import Principal, key_of
from filewarden.config.principals import TOKEN
from filewarden.config.profiles import token_names
from filewarden.config.settings import Settings
from filewarden.transports.http.answer import Answer
from filewarden.transports.http.authentication import Authenticator, challenge, fingerprint
from filewarden.transports.http.fields import Fields, bearer_token
from filewarden.transports.named_tokens import digest_of


class NamedTokens:
    """Knows the tokens that profiles name by their digests; `others` knows who else there is."""

    def __init__(self, holders: Mapping[bytes, Principal], others: Authenticator) -> None:
        self._holders = holders
        self._others = others

    async def authenticate(self, fields: Fields, query: bytes) -> Principal | Answer:
        """The holder of a named token, or whatever the others say."""
        token = bearer_token(fields)
        holder = None if token is None else self._holders.get(digest_of(token))
        return holder or await self._others.authenticate(fields, query)


class Nobody:
    """Lets nobody in, and says no more than to somebody with a token that there never was."""

    async def authenticate(self, fields: Fields, query: bytes) -> Principal | Answer:
        """Always the challenge."""
        return challenge(fields)


def holders(settings: Settings, digests: Mapping[str, bytes]) -> dict[bytes, Principal]:
    """The principal behind each token, by its digest."""
    profiles = token_names(settings)
    return {
        digests[name]: Principal(key, profile=profiles[name], name=TOKEN + name, token=digests[name])
        for name, key in holder_keys(settings, digests).items()
    }


def holder_keys(settings: Settings, digests: Mapping[str, bytes]) -> dict[str, str]:
    """What the holder of each token is called in logs and status, by the token's name."""
    return {
        name: key_of(profile, f"{TOKEN}{fingerprint(digests[name].hex())}")
        for name, profile in token_names(settings).items()
        if name in digests
    }
