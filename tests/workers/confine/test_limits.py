"""The values of a worker's limits; that they hold is tested with the steps."""

from filewarden.workers.confine.limits import MIB, Use, counts_by_namespace, measure, wanted


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


def test_tasks_are_bounded_only_where_no_others_of_the_account_count() -> None:
    assert "RLIMIT_NPROC" not in dict(wanted(64, 10, 64, Use(0, 0)))
    assert dict(wanted(64, 10, 64, Use(0, 0), tasks=7))["RLIMIT_NPROC"] == 7
    for release in ("5.14", "5.15.0-91-generic", "6.1.0", "10.0-rc1"):
        assert counts_by_namespace(release), release
    for release in ("5.13.19", "5.4.0-generic", "4.18.0-513.el8", "unknown"):
        assert not counts_by_namespace(release), release
