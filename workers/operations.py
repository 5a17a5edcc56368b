"""Arguments and results of the operations behind protocol methods that are no tools: resources, prompts, completion.

Their names are the methods'. They run in workers like tools do, and are offered to clients by their methods alone; one
that the server itself asks for is offered by none.
"""

from typing import Annotated, Literal

import msgspec

MOST_VALUES = 100
FIND_OUTCOME = "filewarden/find_outcome"
"""The name of the server's own question."""
MOST_CHANGES = 256
"""More than one call makes."""


class ResourceTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A family of resources; `uri_template` as in RFC 6570."""

    uri_template: str
    name: str
    title: str
    description: str
    mime_type: str | None = None


class ListResources(msgspec.Struct, frozen=True):
    """Of `resources/list`."""

    cursor: str | None = None


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One entry of the list, as the protocol names its members; `size` in bytes."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None


class Resources(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A page of the list."""

    resources: tuple[Resource, ...]
    next_cursor: str | None = None


class ReadResource(msgspec.Struct, frozen=True):
    """Of `resources/read`; the answer is `Content` of resource blocks."""

    uri: str


class LocateResources(msgspec.Struct, frozen=True):
    """Of `resources/subscribe`, and of `subscriptions/listen`: what is to be watched."""

    uris: tuple[str, ...]


class LocatedResources(msgspec.Struct, frozen=True):
    """A path for each address, as every tool takes one; None where there is nothing to watch."""

    paths: tuple[str | None, ...]


class NoFacts(msgspec.Struct, frozen=True):
    """Nothing is said beside the blocks."""


class GetPrompt(msgspec.Struct, frozen=True):
    """Of `prompts/get`; the answer is `PromptMessages`."""

    name: str
    arguments: dict[str, str] = {}


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """Of `completion/complete`: `reference` is a template's URI or a prompt's name."""

    kind: Literal["ref/resource", "ref/prompt"]
    reference: str
    argument: str
    value: str
    context: dict[str, str] = {}


class Completion(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """At most 100 values, as the protocol has it."""

    values: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_VALUES)]
    total: int | None = None
    has_more: bool | None = None


class FindOutcome(msgspec.Struct, frozen=True):
    """Of the server's own question: the call that is asked about, and the wall clock, in ns, when it was submitted."""

    mark: str
    since_ns: int


class ChangeMade(msgspec.Struct, frozen=True):
    """One change of a call; the path is empty where clients may not know it."""

    action: str
    path: str


class FoundOutcome(msgspec.Struct, frozen=True):
    """What became of a call: whether it has changed anything, and what, the earliest first."""

    outcome: Literal["changed", "unchanged", "unknown"]
    changes: Annotated[tuple[ChangeMade, ...], msgspec.Meta(max_length=MOST_CHANGES)] = ()


FOR_THE_SERVER = (LocatedResources, FoundOutcome)
"""What no client is shown: it may be as long as a frame."""
