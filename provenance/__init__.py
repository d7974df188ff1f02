"""Card keys, gift cards and coupons whose origin and life anyone can check on a chain."""

import os
import sys

# eth-hash looks at this at its first hash, once. Its own choice, pycryptodome, is five times slower.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

# Whoever imports web3 or eth-account imports py_ecc, which raises Python's recursion limit to 100,000: then json.loads of
# 100,000 opening brackets overflows the C stack and kills the process. Import it first, and go back to what py-evm needs.
import py_ecc  # noqa: F401

sys.setrecursionlimit(12_288)
