"""Takes in a batch: recomputes the root from its leaves, stores it, queues the Mint. Visible whole or not at all.

`issuance` is the use case; `upload` is what comes and its checks; `staging` brings it into the database.
"""

from provenance.services.issuance.issuance import Issuance
from provenance.services.issuance.upload import Submission

__all__ = ["Issuance", "Submission"]
