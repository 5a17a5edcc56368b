"""The Date field."""

from email.utils import parsedate_to_datetime

import pytest

from filewarden.transports.http.date import date_at


@pytest.mark.parametrize("second", [0, 784_111_777, 951_782_400, 1_764_181_166])
def test_it_is_written_as_http_has_it(second: int) -> None:
    assert parsedate_to_datetime(date_at(second).decode()).timestamp() == second
    assert len(date_at(second)) == len("Sun, 06 Nov 1994 08:49:37 GMT")
