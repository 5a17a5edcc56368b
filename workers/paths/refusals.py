"""The sentences with which a path is refused. None tells anything about what lies outside the roots."""

import errno

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import names

_LONGEST_HINT = 1024
"""A sentence must fit its frame, and nobody retypes more."""
_TOO_LONG = (errno.ENAMETOOLONG, errno.EINVAL)


def denied(text: str) -> ToolFailure:
    """Refuse in the one way for whatever a client may not reach: outside, behind a link, or closed by a rule."""
    return ToolFailure(
        Code.ACCESS_DENIED,
        f"Access denied: '{names.echo(text)}' is outside the allowed folders or closed to clients. "
        'Use a path relative to the root; "." lists it.',
    )


def no_name(text: str) -> ToolFailure:
    """Refuse to make, change or remove what is not called by a name of its own."""
    return ToolFailure(
        Code.INVALID_ARGUMENT,
        f'The path \'{names.echo(text)}\' must end in the name of a file or folder, not in "/", "." or "..".',
    )


def no_root(text: str) -> ToolFailure:
    """Refuse to make, change or remove a root, or the list of them."""
    return ToolFailure(
        Code.ACCESS_DENIED,
        f"Access denied: '{names.echo(text)}' is a root, or the list of them, which no call makes, changes or removes. "
        "Name something in it.",
    )


def not_found(error: OSError, text: str, near: str) -> ToolFailure:
    """Say that nothing is there, and what is: `near` is a path in the form that every tool takes."""
    if len(near) > _LONGEST_HINT:
        return failure(error, text)
    return ToolFailure(
        Code.NOT_FOUND, f"Path not found: '{names.echo(text)}'. Did you mean '{near}'?", did_you_mean=near
    )


def failure(error: OSError, text: str) -> ToolFailure:
    """Say what a failed system call means for the client who asked for `text`."""
    shown = f"'{names.echo(text)}'"
    code = error.errno
    if code in (errno.EXDEV, errno.ELOOP):
        return denied(text)
    if code == errno.ENOENT:
        return ToolFailure(
            Code.NOT_FOUND, f"Path not found: {shown}. List its folder or search for the name to find the right one."
        )
    if code == errno.ENOTDIR:
        return ToolFailure(Code.NOT_A_DIRECTORY, f"Not a directory: {shown}, or a name on the way to it, is a file.")
    if code in (errno.EACCES, errno.EPERM):
        return ToolFailure(Code.ACCESS_DENIED, f"Access denied: the server has no permission for {shown}.")
    if code in (errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP):
        return ToolFailure(Code.UNSUPPORTED, f"{shown} is a socket or a device, not a regular file.")
    if code in _TOO_LONG:
        return ToolFailure(Code.INVALID_ARGUMENT, f"The path {shown} is too long or too deep for this file system.")
    word = errno.errorcode.get(code or 0, "unknown error")
    return ToolFailure(Code.IO_ERROR, f"The file system could not open {shown} ({word}). Try again later.")
