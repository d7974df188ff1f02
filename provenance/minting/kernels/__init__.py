"""Owns compiled loops over numpy arrays and how they are compiled; leaves to the modules above when to use them.

Importing one of these modules loads numba and LLVM; the modules of `provenance.minting` do so when there are enough
rows to be worth it. Kernels run without the GIL, so that threads use all cores.

A cached kernel is thrown away when *its own* file changes, not when the file of a kernel that it calls does:
so a kernel calls only kernels of its own file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import config, njit
from numba.core.codegen import get_host_cpu_features

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def _allow_wide_vectors() -> bool:
    """Let LLVM use 512-bit vectors where there are any; whether it will.

    By itself it holds them back, since they made older processors lower their clock for a millisecond or two. Hashing
    is a few hundredths of minting, so that costs nothing here, and it hashes a third faster.
    """
    options: Any = config  # numba makes its settings as it goes, and types neither them nor this function
    features = cast(Any, get_host_cpu_features)()
    if options.CPU_FEATURES is not None or "+avx512f" not in features.split(","):
        return False  # NUMBA_CPU_FEATURES is the user's word
    options.CPU_FEATURES = f"{features},-prefer-256-bit"
    return True


VECTOR_WORDS = 8 if _allow_wide_vectors() else 4
"""64-bit words that one vector instruction works on; numba keeps code for other processors apart."""


def kernel(function: Kernel) -> Kernel:
    """Compile `function` at its first call; keep the machine code beside the source or in the user's cache.

    Where neither can be written (a read-only image), every process compiles for itself.
    """
    try:
        return cast(Kernel, njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba: "cannot cache function …: no locator available"
        return cast(Kernel, njit(nogil=True)(function))
