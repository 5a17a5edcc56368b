"""When a call of a tool becomes a task that its client polls (MCP extension `io.modelcontextprotocol/tasks`)."""

from enum import StrEnum


class TaskUse(StrEnum):
    """When a call becomes a task, for a client that knows the tasks extension."""

    NEVER = "never"
    WHEN_SLOW = "when-slow"
    """Once it has taken longer than `deadlines.task_after_s`."""
    AT_ONCE = "at-once"


NEVER, WHEN_SLOW, AT_ONCE = TaskUse
"""By plain names, which are quicker to look up."""
