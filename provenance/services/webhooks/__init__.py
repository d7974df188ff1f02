"""Tells whoever asked what the chain has confirmed.

`endpoints` are theirs to manage, `delivering` sends what is due, `posting` is the wire.
"""

from provenance.services.webhooks.delivering import Delivering
from provenance.services.webhooks.endpoints import Endpoints
from provenance.services.webhooks.posting import Poster

__all__ = ["Delivering", "Endpoints", "Poster"]
