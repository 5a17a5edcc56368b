"""glibc's memory allocator, told to keep big blocks: every fresh mapping of one costs a page fault for each page."""

MMAP_THRESHOLD = 64 << 20
TRIM_THRESHOLD = 64 << 20

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def tune_allocator(*, single_arena: bool = False) -> bool:
    """Set the thresholds (mallopt(3)); False where the C library has no `mallopt` or refuses.

    `single_arena` is for the zygote: each further arena of a thread reserves 64 MiB of address space, which the
    limits of a worker would have to make room for. It does what MALLOC_ARENA_MAX=1 does.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS; Windows cannot open "this program"
        return False
    # Before version 2.35 glibc refuses more than 32 MiB.
    is_tuned = any(mallopt(_M_MMAP_THRESHOLD, value) for value in (MMAP_THRESHOLD, MMAP_THRESHOLD // 2))
    if single_arena:
        mallopt(_M_ARENA_MAX, 1)
    return bool(mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD)) and is_tuned
