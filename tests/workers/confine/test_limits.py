"""The values of a worker's limits; that they hold is tested with the steps."""

from filewarden.workers.confine.limits import MIB, Use, measure, wanted


def test_memory_counts_from_what_is_mapped_already() -> None:
    small = dict(wanted(64, 10, 64, Use(address_space=100 * MIB, data=20 * MIB)))
    big = dict(wanted(64, 10, 64, Use(address_space=900 * MIB, data=220 * MIB)))
    assert small["RLIMIT_DATA"] == 84 * MIB
    assert big["RLIMIT_DATA"] - small["RLIMIT_DATA"] == 200 * MIB
    assert big["RLIMIT_AS"] - small["RLIMIT_AS"] == 800 * MIB
    assert small["RLIMIT_AS"] - 100 * MIB > small["RLIMIT_DATA"] - 20 * MIB


def test_nothing_is_left_behind_on_disk() -> None:
    limits = dict(wanted(64, 10, 64, Use(0, 0)))
    assert limits["RLIMIT_CORE"] == 0
    assert limits["RLIMIT_FSIZE"] == 10
    assert limits["RLIMIT_NOFILE"] == 64


def test_this_process_has_something_mapped() -> None:
    use = measure()
    assert use.address_space >= use.data > MIB
