"""The only module that speaks JSON-RPC to a node: typed reads with a total deadline, and sends that are never repeated.

Two kinds of failure, never to be confused: ChainUnavailable (no answer, or one that is no JSON-RPC) and RpcError (the
node answered with an error). Both are `Undetermined`: nothing was learnt about the chain.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard, TypeVar

from provenance.chain import reads, wire
from provenance.chain.reads import BlockTag, Read, Topics
from provenance.chain.transport import Throttled, Transport, name_of
from provenance.chain.wire import Block, FeeHistory, Fields, Log, Malformed, Receipt, Transaction
from provenance.core.encoding import Address, keccak, to_hex
from provenance.errors import ChainUnavailable, InvalidInput, RpcError

__all__ = [
    "ATTEMPTS", "Block", "BlockTag", "FeeHistory", "Log", "Read", "Receipt", "Rpc", "Topics", "Transaction", "revert_data",
]  # fmt: skip

_T = TypeVar("_T")

ATTEMPTS = 3  # of a read, within its one deadline
BATCH_SIZE = 100
COMPARISON_SECONDS = 2.0
"""All that an endpoint gets which is only there to be compared with: nobody waits for it."""
_FIRST_PAUSE = 0.1  # seconds; doubles, with jitter
_MAX_MESSAGE = 1000


class Rpc:
    """A chain's endpoints: the first is used, the others are there to be compared with (`endpoints`).

    `timeout` is the wall-clock budget in seconds of each call, retries included. Threads may share it.
    """

    def __init__(self, urls: Sequence[str] | str, *, timeout: float = 10.0, transport: Transport | None = None) -> None:
        addresses = [urls] if isinstance(urls, str) else list(urls)
        if not addresses or not all(url.startswith(("http://", "https://")) for url in addresses):
            raise InvalidInput("an RPC URL starts with http:// or https://", field="RPC_URL")
        self._url, self.timeout = addresses[0], timeout
        self._transport = transport or Transport()
        self._ids = itertools.count(1)
        brief = min(timeout, COMPARISON_SECONDS)
        others = (Rpc(url, timeout=brief, transport=self._transport) for url in addresses[1:])
        self.endpoints: tuple[Rpc, ...] = (self, *others)
        self.rests_until = 0.0
        """By the monotonic clock: until then this endpoint is not compared with, because it did not answer."""

    # -------------------------------------------------------------------------------------------- one typed read a fact

    def chain_id(self) -> int:
        return self.read(reads.chain_id())

    def block_number(self) -> int:
        return self.read(reads.block_number())

    def find_block(self, block: BlockTag) -> Block | None:
        """None: the node has no such block."""
        return self.read(reads.block(block))

    def block(self, block: BlockTag) -> Block:
        found = self.find_block(block)
        if found is None:
            which = to_hex(block) if isinstance(block, bytes) else block
            raise ChainUnavailable(f"{self} has no block {which} (yet); is it still syncing?")
        return found

    def call(
        self,
        to: Address,
        data: bytes,
        block: BlockTag,
        *,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        return self.read(reads.call(to, data, block, sender=sender, gas=gas))

    def estimate_gas(self, to: Address | None, data: bytes, *, sender: Address, value: int = 0) -> int:
        return self.read(reads.estimate_gas(to, data, sender=sender, value=value))

    def code(self, address: Address, block: BlockTag) -> bytes:
        return self.read(reads.code(address, block))

    def storage_at(self, address: Address, slot: int, block: BlockTag) -> bytes:
        return self.read(reads.storage_at(address, slot, block))

    def balance(self, address: Address, block: BlockTag) -> int:
        return self.read(reads.balance(address, block))

    def transaction_count(self, address: Address, block: BlockTag) -> int:
        return self.read(reads.transaction_count(address, block))

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        return self.read(reads.receipt(transaction_hash))

    def transaction(self, transaction_hash: bytes) -> Transaction | None:
        return self.read(reads.transaction(transaction_hash))

    def logs(self, address: Address, first: int, last: int, topics: Topics = ()) -> list[Log]:
        return self.read(reads.logs(address, first, last, topics))

    def logs_by_hash(self, address: Address, block_hash: bytes, topics: Topics = ()) -> list[Log]:
        return self.read(reads.logs_by_hash(address, block_hash, topics))

    def gas_price(self) -> int:
        return self.read(reads.gas_price())

    def max_priority_fee(self) -> int:
        return self.read(reads.max_priority_fee())

    def fee_history(self, count: int, newest: BlockTag, percentiles: Sequence[float] = ()) -> FeeHistory:
        return self.read(reads.fee_history(count, newest, percentiles))

    # -------------------------------------------------------------------------------------------- how it is asked

    def read(self, read: Read[_T]) -> _T:
        """The decoded answer. Raises RpcError, ChainUnavailable."""
        return self._decode(read, self.request(read.method, read.params))

    def batch(self, wanted: Iterable[Read[_T]]) -> list[_T | RpcError]:
        """Many reads in few round trips, answered in their order; an item's own error takes its place in the list.

        Raises ChainUnavailable if any of them got no proper answer.
        """
        deadline = time.monotonic() + self.timeout
        items = list(wanted)
        results: list[_T | RpcError] = []
        for start in range(0, len(items), BATCH_SIZE):
            chunk = items[start : start + BATCH_SIZE]
            requests = [self._request(read.method, read.params) for read in chunk]
            responses = self._exchange(requests, deadline, ATTEMPTS)
            for read, response in zip(chunk, responses, strict=True):
                error = _error_of(response)
                results.append(self._decode(read, response["result"]) if error is None else error)
        return results

    def send_raw(self, raw: bytes) -> bytes:
        """Hands over a signed transaction, once, and returns its hash.

        RpcError: the node answered; its words say what it thinks. ChainUnavailable: the transaction may or may not
        have arrived. In both cases look for it by its hash before doing anything else.
        """
        result = self.request("eth_sendRawTransaction", (to_hex(raw),), attempts=1)
        expected = keccak(raw)
        if result != to_hex(expected):
            raise ChainUnavailable(f"{self} answered a send with something else than the transaction's hash")
        return expected

    def request(self, method: str, params: Sequence[object], *, attempts: int = ATTEMPTS) -> Any:
        """The raw `result` of one call. What must not happen twice wants `attempts=1`."""
        deadline = time.monotonic() + self.timeout
        (response,) = self._exchange([self._request(method, params)], deadline, attempts)
        error = _error_of(response)
        if error is not None:
            raise error
        return response["result"]

    def _request(self, method: str, params: Sequence[object]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _exchange(self, requests: list[dict[str, Any]], deadline: float, attempts: int) -> list[dict[str, Any]]:
        """The responses to `requests`, in their order, each of them well-formed and bearing its request's id."""
        body = json.dumps(requests if len(requests) > 1 else requests[0]).encode()
        for attempt in range(attempts):
            try:
                left = deadline - time.monotonic()
                return self._parse(requests, self._transport.post(self._url, body, max(left, 0.001)))
            except ChainUnavailable as e:
                pause = _pause(attempt, e)
                if attempt == attempts - 1 or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("attempts is at least 1")

    def _parse(self, requests: list[dict[str, Any]], body: bytes) -> list[dict[str, Any]]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise ChainUnavailable(f"{self} answered something that is not JSON") from None
        if len(requests) == 1:
            document = [document]
        elif isinstance(document, dict) and (error := _error_of(document)) is not None:
            raise error  # a node that refuses a batch as a whole says so in one object
        return self._matched(requests, document)

    def _matched(self, requests: list[dict[str, Any]], document: object) -> list[dict[str, Any]]:
        responses: dict[int, dict[str, Any]] = {}
        for response in document if isinstance(document, list) else [None]:
            if not _is_response(response):
                raise ChainUnavailable(f"{self} answered something that is not a JSON-RPC response")
            responses[response["id"]] = response
        if sorted(responses) != [request["id"] for request in requests]:
            raise ChainUnavailable(f"{self} answered another request: the ids differ")
        return [responses[request["id"]] for request in requests]

    def _decode(self, read: Read[_T], result: object) -> _T:
        try:
            return read.decode(result)
        except Malformed as e:
            raise ChainUnavailable(f"{self} gave a malformed answer to {read.method}: {e}") from e

    # -------------------------------------------------------------------------------------------- life

    def __str__(self) -> str:
        """What may be shown of the endpoint: scheme and host. The rest of a provider's URL is a key."""
        return name_of(self._url)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Rpc:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def revert_data(error: RpcError) -> bytes | None:
    """What the contract reverted with, or None if the error is of another kind.

    geth, Besu, anvil and ours put it in `data`; some put an object with another `data` there.
    """
    found = error.data
    if isinstance(found, dict):
        found = found.get("data")
    try:
        return wire.data(found)
    except Malformed:
        return None


def _is_response(response: object) -> TypeGuard[dict[str, Any]]:
    """One of ours: an integer id, and either a result or an error object."""
    if not isinstance(response, dict) or type(response.get("id")) is not int:
        return False
    if response.get("error") is None:
        return "result" in response
    return _error_of(response) is not None


def _error_of(response: dict[str, Any]) -> RpcError | None:
    """The error of a response, or None if it has none that JSON-RPC would recognise."""
    if response.get("error") is None:
        return None
    try:
        fields = Fields(response["error"])
        code, message = fields.get("code", wire.number), fields.get("message", wire.text)
    except Malformed:
        return None
    return RpcError(message[:_MAX_MESSAGE], rpc_code=int(code), data=response["error"].get("data"))


def _pause(attempt: int, cause: ChainUnavailable) -> float:
    wish = cause.retry_after if isinstance(cause, Throttled) else None
    return wish if wish is not None else _FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1)
