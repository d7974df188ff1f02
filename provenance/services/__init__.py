"""One use case a file; none imports another. They take the store and the chain as arguments and own no globals."""
