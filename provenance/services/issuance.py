"""Takes in a batch: recomputes the root from its leaves, stores tree and terms, queues the Mint. Visible whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import batched, islice

import numpy as np
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from provenance.core import merkle
from provenance.core.batch import Batch, canonical_terms
from provenance.core.encoding import Address, address_of, keccak
from provenance.core.fingerprint import LEAF_BYTES, leaf
from provenance.core.statements import Domain, Mint, SignedStatement, digest, recover
from provenance.errors import Conflict, Forbidden, InvalidInput, Refused
from provenance.store import outbox, projections, tables, tiles
from provenance.store.database import Database
