"""The embedded node: an Ethereum chain on disk, behind JSON-RPC on localhost."""

from provenance.chain.node.node import Node
from provenance.chain.node.server import application, serve

__all__ = ["Node", "application", "serve"]
