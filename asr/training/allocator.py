"""Memory that a step frees stays with the process for the next one."""

import ctypes
import sys

# Of malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Have glibc's malloc give nothing back to the kernel, of which it would ask it again.

    By default it takes large tensors from the kernel and returns them at once: thousands of page
    faults a step, a tenth of a small model's time on a CPU. Does nothing where malloc is another.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
