"""What a prompt is, and the messages that it expands to."""

from typing import Literal

import msgspec

from filewarden.workers.content import Block


class PromptArgument(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a prompt; its values are texts."""

    name: str
    description: str
    required: bool = False


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt; the operation `prompts/get` expands it in a worker."""

    name: str
    title: str
    description: str
    arguments: tuple[PromptArgument, ...] = ()


class PromptMessage(msgspec.Struct, frozen=True):
    """One message of a conversation that is suggested."""

    role: Literal["user", "assistant"]
    content: Block


class PromptMessages(msgspec.Struct, frozen=True):
    """What `prompts/get` answers."""

    description: str
    messages: tuple[PromptMessage, ...]
