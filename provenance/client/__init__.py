"""A typed Python client of the HTTP API. Holds no key of anybody's; signs nothing."""

from provenance.client.client import Client, Operation

__all__ = ["Client", "Operation"]
