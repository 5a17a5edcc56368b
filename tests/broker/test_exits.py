from filewarden.broker.exits import REMEMBERED_CRASHES, Exits
from filewarden.broker.lifecycle import Exit


def test_every_end_is_counted_by_its_cause() -> None:
    exits = Exits()
    for serial, cause in enumerate([Exit.DEADLINE, Exit.PROTOCOL, Exit.PROTOCOL]):
        exits.count(serial, cause)
    assert exits.by_cause[Exit.PROTOCOL] == 2
    assert sum(exits.by_cause.values()) == 3
    assert set(exits.by_cause) == set(Exit)


def test_a_crash_turns_into_its_true_cause_once() -> None:
    exits = Exits()
    exits.count(1, Exit.CRASH)
    for _ in range(2):
        exits.learn(1, Exit.VIOLATION)
    exits.learn(2, Exit.VIOLATION)
    assert (exits.by_cause[Exit.CRASH], exits.by_cause[Exit.VIOLATION]) == (0, 1)


def test_what_was_no_crash_stays_what_it_was() -> None:
    exits = Exits()
    exits.count(1, Exit.MEMORY)
    exits.learn(1, Exit.VIOLATION)
    assert (exits.by_cause[Exit.MEMORY], exits.by_cause[Exit.VIOLATION]) == (1, 0)


def test_only_so_many_crashes_are_remembered() -> None:
    exits = Exits()
    for serial in range(REMEMBERED_CRASHES + 1):
        exits.count(serial, Exit.CRASH)
    exits.learn(0, Exit.VIOLATION)
    assert exits.by_cause[Exit.CRASH] == REMEMBERED_CRASHES + 1
