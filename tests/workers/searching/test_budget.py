import msgspec
from hypothesis import given, strategies as st

from filewarden.workers.searching.budget import Budget, json_chars


class Item(msgspec.Struct):
    name: str


def test_whole_items_are_taken_while_they_fit() -> None:
    budget = Budget(512 + 100)
    item = Item("x" * 30)
    taken = 0
    while budget.take(item):
        taken += 1
    assert taken == 100 // (len(msgspec.json.encode(item)) + 1)


def test_the_first_item_is_always_taken() -> None:
    budget = Budget(10)
    assert budget.take(Item("x" * 1000))
    assert not budget.take(Item(""))


def test_characters_count_and_not_bytes() -> None:
    wide, narrow = Budget(512 + 200), Budget(512 + 200)
    assert sum(wide.take(Item("日" * 20)) for _ in range(20)) == sum(narrow.take(Item("x" * 20)) for _ in range(20))


@given(names=st.lists(st.text('a日"\\', max_size=8), max_size=12), taken=st.integers(0, 40), room=st.integers(0, 200))
def test_so_many_fit_together_as_would_one_by_one(names: list[str], taken: int, room: int) -> None:
    together, each = Budget(512 + room), Budget(512 + room)
    if taken:
        assert together.take_chars(taken) is each.take_chars(taken)
    items = [Item(name) for name in names]
    count = together.take_some(len(items), lambda begin, end: sum(1 + json_chars(item) for item in items[begin:end]))
    fits = [each.take(item) for item in items]
    assert fits[:count] == [True] * count
    assert not any(fits[count : count + 1])
    if count == len(items):
        assert together.left == each.left


def test_the_room_is_told_by_what_was_taken() -> None:
    budget = Budget(512 + 100)
    assert budget.room_after(0) == 0
    assert budget.take_chars(20)
    assert (budget.room_after(2), budget.room_after(1)) == (8, 4)
