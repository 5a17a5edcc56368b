"""The arguments of the `client` command: its own, and those with which the server will be started."""

from collections.abc import Sequence

import msgspec

from filewarden.config.flags import flags

OWN_VALUES = ("--name", "--file")
DEFAULT_NAME = "files"


class Asked(msgspec.Struct):
    """What the arguments say; `serve` are the arguments that the server will be started with."""

    client: str = ""
    name: str = DEFAULT_NAME
    file: str = ""
    installs: bool = False
    agreed: bool = False
    serve: list[str] = []


class UsageError(ValueError):
    """The arguments cannot be meant."""


def read_arguments(arguments: Sequence[str]) -> Asked:
    """What is ours among the arguments, and what is left for `serve`.

    Raises:
        UsageError: a flag of ours lacks its value.
    """
    asked = Asked(serve=[])
    words = iter(arguments)
    for word in words:
        name, equals, text = word.partition("=")
        if name in OWN_VALUES:
            value = text if equals else next(words, "")
            if not value:
                raise UsageError(f"{name} needs a value")
            setattr(asked, name[2:], value)
        elif word == "--install":
            asked.installs = True
        elif word == "--yes":
            asked.agreed = True
        elif not asked.client and not word.startswith("-"):
            asked.client = word
        else:
            asked.serve.append(word)
            flag = flags().get(word)
            if flag and flag.metavar:
                asked.serve.extend(value for value in [next(words, None)] if value is not None)
    return asked
