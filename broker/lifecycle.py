"""The life of a worker process as the broker sees it: states, events, and the one table of what may follow what.

Every state has an exit that needs nothing of the worker: a deadline, a limit or an illegal frame condemns it, which
sends SIGKILL; the kernel's report of its death ends it. An event that the table lacks is a bug of ours and raises.
"""

from enum import StrEnum


class State(StrEnum):
    """What a worker is doing; the handshake is part of `starting`."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    DEAD = "dead"


class Event(StrEnum):
    """What can happen to a worker."""

    CONFINED = "confined"
    """It reported that it is confined, and its report was accepted."""
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    TAKEN_BACK = "taken back"
    """The call that it was assigned was not sent, and will not be."""
    CONDEMNED = "condemned"
    """We decided that it must go, whatever it does."""
    EXITED = "exited"


STARTING, IDLE, BUSY, STOPPING, DEAD = State
CONFINED, ASSIGNED, ANSWERED, TAKEN_BACK, CONDEMNED, EXITED = Event
"""By plain names, for whoever asks at every call: a member of an enum takes ten times as long to look up."""


class Exit(StrEnum):
    """Why a worker ended, as `/status` shows it."""

    DEADLINE = "deadline"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    CRASH = "crash"
    RECYCLED = "recycled"
    PROTOCOL = "protocol"
    """It sent what no honest worker sends."""
    VIOLATION = "violation"
    """The kernel killed it for a forbidden system call."""


class IllegalTransitionError(Exception):
    """An event that cannot happen in this state: a bug in the broker."""


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.STARTING, Event.CONFINED): State.IDLE,
    (State.IDLE, Event.ASSIGNED): State.BUSY,
    (State.BUSY, Event.ANSWERED): State.IDLE,
    (State.BUSY, Event.TAKEN_BACK): State.IDLE,
    (State.STARTING, Event.CONDEMNED): State.STOPPING,
    (State.IDLE, Event.CONDEMNED): State.STOPPING,
    (State.BUSY, Event.CONDEMNED): State.STOPPING,
    (State.STARTING, Event.EXITED): State.DEAD,
    (State.IDLE, Event.EXITED): State.DEAD,
    (State.BUSY, Event.EXITED): State.DEAD,
    (State.STOPPING, Event.EXITED): State.DEAD,
}


def advance(state: State, event: Event) -> State:
    """The state after `event`.

    Raises:
        IllegalTransitionError: the table has no such row.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"{event.name} while {state.name}") from None
