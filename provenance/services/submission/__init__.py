"""Sends what the outbox holds: alone writes nonces, raw bytes and transaction hashes. One sender per signer, by lease.

`sender` is the round; `queue` chooses what to send and what to refuse; `calls` turns operations into calldata;
`outgoing` stores, signs and sends; `following` looks after what was sent; `condition` is what a person sees of the signer.
"""

from provenance.services.submission.sender import Limits, Submission

__all__ = ["Limits", "Submission"]
