"""Follows the chain: blocks, events, projections and cursor, one commit a step. Alone writes what the chain has confirmed.

`indexing` is the step; `fetching` reads what it needs, one step ahead; `pinning` says which chain this is; `confirming` tells
each operation what the chain made of it.
"""

from provenance.services.indexing.indexing import Indexing

__all__ = ["Indexing"]
