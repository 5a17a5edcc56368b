"""The JSON of a long text, by the quickest encoder that is installed: orjson takes a quarter of msgspec's time for one.

It comes with the extra `filewarden[speed]`, for few servers see texts that are long enough to be worth it. To be
imported with the first such text and no sooner: it takes its time.
"""

from collections.abc import Callable

from filewarden.broker.protocol.response import encode

encode_text: Callable[[str], bytes]
try:
    from orjson import dumps
except ImportError:  # where there is none of it; msgspec makes the same
    encode_text = encode
else:
    encode_text = dumps


def inside(text: str) -> memoryview:
    """A text as JSON in UTF-8, without its quotes."""
    return memoryview(encode_text(text))[1:-1]
