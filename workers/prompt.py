"""The messages that a prompt expands to."""

from typing import Literal

import msgspec

from filewarden.workers.content import Block


class PromptMessage(msgspec.Struct, frozen=True):
    """One message of a conversation that is suggested."""

    role: Literal["user", "assistant"]
    content: Block


class PromptMessages(msgspec.Struct, frozen=True):
    """What `prompts/get` answers."""

    description: str
    messages: tuple[PromptMessage, ...]
