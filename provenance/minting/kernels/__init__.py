"""Owns compiled loops over numpy arrays and how they are compiled; leaves to the modules above when to use them.

Importing one of these modules loads numba and LLVM; the modules of `provenance.minting` do so when there are enough
rows to be worth it. Kernels run without the GIL, so that threads use all cores.

A cached kernel is thrown away when *its own* file changes, not when the file of a kernel that it calls does:
so a kernel calls only kernels of its own file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def kernel(function: Kernel) -> Kernel:
    """Compile `function` at its first call; keep the machine code beside the source or in the user's cache.

    Where neither can be written (a read-only image), every process compiles for itself.
    """
    try:
        return cast(Kernel, njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba: "cannot cache function …: no locator available"
        return cast(Kernel, njit(nogil=True)(function))
