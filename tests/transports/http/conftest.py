import pytest

from docs.writer.example_report import example
from filewarden.broker.status import Report


@pytest.fixture
def report() -> Report:
    """Of a server where something of everything has happened."""
    return example()
