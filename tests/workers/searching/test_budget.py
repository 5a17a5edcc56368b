import msgspec

from filewarden.workers.searching.budget import Budget


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
