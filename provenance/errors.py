"""One tree of errors. Each says what was wrong, which value, and what to do next; none ever carries a secret.

`code` is the machine-readable name that the API and the command line show. HTTP statuses are mapped in `api/problems.py`,
exit codes in `provenance/cli`.
"""

from __future__ import annotations


class ProvenanceError(Exception):
    """Anything this project raises on purpose."""

    code = "error"

    def __init__(self, detail: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        if code is not None:
            self.code = code


class InvalidInput(ProvenanceError):
    """The caller sent something that can never be right; nothing was stored."""

    code = "invalid_input"


class InvalidKey(InvalidInput):
    """A voucher key that does not parse. `fault` names what is wrong with it (tests/vectors/typed-codes.json has them all);
    `position` is the first suspicious character, counted from 0, or None."""

    code = "invalid_key"

    def __init__(self, detail: str, *, fault: str, position: int | None = None) -> None:
        super().__init__(detail, field="key")
        self.fault, self.position = fault, position


class InvalidSignature(InvalidInput):
    """A signature that is malformed, malleated, or made by someone else."""

    code = "invalid_signature"


class NotFound(ProvenanceError):
    code = "not_found"


class Unauthorized(ProvenanceError):
    """No API key, or one that is unknown or revoked."""

    code = "unauthorized"


class Forbidden(ProvenanceError):
    """A valid API key without the right that this call needs."""

    code = "forbidden"


class Conflict(ProvenanceError):
    """The request is well-formed but the present state refuses it (already redeemed, reserved, taken)."""

    code = "conflict"


class Refused(Conflict):
    """The chain's rules predict or report a refusal; `code` is the contract's status in snake case."""

    code = "refused"


class Undetermined(ProvenanceError):
    """Something could not be read. Never to be shown as fake, and never as genuine."""

    code = "undetermined"


class ChainUnavailable(Undetermined):
    """The RPC endpoint did not answer in time, or answered with something that is not JSON-RPC."""

    code = "chain_unavailable"


class ChainMismatch(Undetermined):
    """The endpoint serves another chain, a reset chain, or a registry address without our code."""

    code = "chain_mismatch"


class ApiUnavailable(Undetermined):
    """The service's API did not answer, or answered with something that is not its own."""

    code = "api_unavailable"


class RpcError(Undetermined):
    """The node answered with a JSON-RPC error object. `rpc_code` and `data` are the node's own."""

    code = "rpc_error"

    def __init__(self, detail: str, *, rpc_code: int = 0, data: object = None) -> None:
        super().__init__(detail)
        self.rpc_code = rpc_code
        self.data = data


class StorageUnavailable(ProvenanceError):
    """The database could not take the write (full, locked, gone); nothing was stored."""

    code = "storage_unavailable"


class Halted(ProvenanceError):
    """A safety stop: going on could lose or double something. A person has to look."""

    code = "halted"
