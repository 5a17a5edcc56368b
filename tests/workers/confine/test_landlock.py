"""Which rights Landlock takes away and which it grants, as numbers; what they do is tested with the steps."""

import pytest

from filewarden.workers.confine import landlock


@pytest.mark.parametrize(
    ("abi", "bits"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (6, 16), (7, 16), (8, 16), (9, 16)]
)
def test_every_right_that_an_abi_knows_is_handled(abi: int, bits: int) -> None:
    assert landlock.handled(abi) == 2**bits - 1


def test_no_root_ever_grants_programs_devices_or_links() -> None:
    make_char, make_sock, make_fifo, make_block, make_sym = (1 << bit for bit in (6, 9, 10, 11, 12))
    never = landlock.EXECUTE | landlock.IOCTL_DEV | make_char | make_sock | make_fifo | make_block | make_sym
    assert landlock.READ_WRITE & never == 0
    assert landlock.READ_ONLY == landlock.READ_FILE | landlock.READ_DIR
    assert landlock.READ_ONLY & landlock.READ_WRITE == landlock.READ_ONLY


def test_asking_for_the_abi_never_fails() -> None:
    assert landlock.abi() >= 0
