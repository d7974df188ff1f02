"""The protocol's vectors as arrays, for the tests beside this file."""

import json
from pathlib import Path

import numpy as np

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "protocol-v1.json").read_text())
BATCHES = VECTORS["batches"]
WHOLE_BATCHES = [batch for batch in BATCHES if len(batch["vouchers"]) == batch["count"]]


def raw(text):
    return bytes.fromhex(text[2:])


def column(batch, name):
    """One field of all of a batch's vouchers: (n, bytes) uint8."""
    return np.array([list(raw(voucher[name])) for voucher in batch["vouchers"]], np.uint8)


def rows(array):
    return [row.tobytes() for row in array]


def random_rows(seed, count, width):
    return np.random.default_rng(seed).integers(0, 256, (count, width), np.uint8)
