"""The last resort against a test that nothing ends: not pytest-timeout's signal, nor what it raises.

Code of a C library may never look at signals, a loop may take the error for one of a callback's, and what cleans up may
wait again; above all, pytest-timeout takes its timer back once a test has failed. So that a run never hangs, the
process is ended then, and says where it was; pytest-xdist counts the test as failed and goes on in another process.
"""

import faulthandler
import os
from collections.abc import Generator

import pytest

GRACE_S = 30.0
"""What a test may take beyond its timeout to clean up."""
FINISH_S = 180.0
"""What may follow the last test in a process."""
_errors = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_errors] = os.dup(2)  # before anything captures it


def pytest_unconfigure(config: pytest.Config) -> None:
    faulthandler.cancel_dump_traceback_later()
    os.close(config.stash[_errors])


def end_after(seconds: float, config: pytest.Config) -> None:
    """End this process then, unless it is cancelled; only the latest order counts."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=config.stash[_errors])


def limit_of(item: pytest.Item) -> float:
    """When nothing but this ends `item`, in seconds from its start."""
    marker = item.get_closest_marker("timeout")
    own = marker.args[0] if marker is not None and marker.args else item.config.getini("timeout")
    return float(own) + GRACE_S


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process when `item` is still running long after its timeout."""
    end_after(limit_of(item), item.config)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """A test has failed: pytest has just taken back every timer, so that nothing disturbs a debugger."""
    if not node.config.getoption("usepdb"):
        end_after(GRACE_S, node.config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    end_after(FINISH_S, session.config)
