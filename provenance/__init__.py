"""Card keys, gift cards and coupons whose origin and life anyone can check on a chain."""

import os

# eth-hash looks at this at its first hash, once. Its own choice, pycryptodome, is five times slower.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
