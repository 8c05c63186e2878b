"""How the process keeps its memory: large arrays come and go ten times a second."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MMAP_THRESHOLD = 32 * 1024 * 1024  # the most that every glibc accepts
_TRIM_THRESHOLD = 256 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Has the allocator keep what is freed instead of giving it back to the system; whether it could be told so.

    By default glibc returns arrays beyond some 100 kB at once, and every new one is then mapped and zeroed page by
    page: a quarter of the time of an answer to candidate plans. Only for long-running processes that may stay as large
    as they once were. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD) and mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD))
