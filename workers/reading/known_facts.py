"""What is told about large files that were read lately: whoever reads one again need not wait until it is counted anew.

Kept by each worker for itself, and believed as a bookmark is: while the file's stamps are the same.
"""

from collections import OrderedDict

from filewarden.workers.paths.handle import Handle, has_settled
from filewarden.workers.text.bookmarks import Stamps, stamps_of
from filewarden.workers.text.text_facts import TextFacts

MOST_KEPT = 32

_Key = tuple[Stamps, str, str]

_kept: OrderedDict[_Key, TextFacts] = OrderedDict()


def of(handle: Handle, asked: str) -> TextFacts | None:
    """What is known of a whole file in the encoding that was asked for."""
    return _kept.get(_key(handle, asked))


def keep(handle: Handle, asked: str, facts: TextFacts) -> None:
    """Remember what was found out about a file that was the same before it was read and afterwards."""
    if has_settled(handle.stat):
        _kept[_key(handle, asked)] = facts
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)


def _key(handle: Handle, asked: str) -> _Key:
    return stamps_of(handle.stat), handle.path, asked
