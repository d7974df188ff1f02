"""JSON-RPC over HTTP with one wall-clock deadline for each exchange. Knows no method and no type of Ethereum."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import aiohttp

from provenance.errors import ChainUnavailable, RpcError

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of one answer that are read at most."""

_T = TypeVar("_T")


class Transport:
    """One endpoint. Threads may share it; the deadline holds even against a server that drips a byte at a time."""

    def __init__(self, url: str, timeout: float) -> None:
        self.url, self._timeout = url, timeout
        self._ids = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None

    def request(self, method: str, params: Sequence[Any], *, timeout: float | None = None) -> Any:
        """The `result`. Raises RpcError for the node's own error, ChainUnavailable for everything that is no answer."""
        return self.batch([(method, params)], timeout=timeout)[0]

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], *, timeout: float | None = None) -> list[Any]:
        """Results in the order of the calls. The first error among them is raised."""
        requests = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
            for method, params in calls
        ]
        body = requests[0] if len(requests) == 1 else requests
        answer = _run(self._post(json.dumps(body).encode(), timeout or self._timeout))
        answers = _by_id([answer] if isinstance(answer, dict) else answer, self.url)
        return [_result(answers, request, self.url) for request in requests]

    async def _post(self, body: bytes, timeout: float) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json"}, auto_decompress=True)
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._session.post(self.url, data=body, timeout=limit) as response:
                text = await _read(response)
                status = response.status
        except TimeoutError as error:
            raise ChainUnavailable(f"{self.url} did not answer within {timeout:g} s; try again later") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ChainUnavailable(f"{self.url} cannot be reached ({type(error).__name__}); is the node up?") from error
        return _parse(text, status, self.url)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise aiohttp.ClientPayloadError("answer too large")
    return b"".join(parts)


def _parse(text: bytes, status: int, url: str) -> Any:
    """Some nodes send a JSON-RPC error with a 4xx or 5xx: the error is then the better news."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ChainUnavailable(f"{url} answered {status} with something that is not JSON") from error
    errors = isinstance(answer, dict) and isinstance(answer.get("error"), dict)
    if status != 200 and not errors:
        raise ChainUnavailable(f"{url} answered with HTTP status {status}; try again later")
    if not isinstance(answer, dict | list):
        raise ChainUnavailable(f"{url} answered with something that is not JSON-RPC")
    return answer


def _by_id(answers: list[Any], url: str) -> dict[Any, dict[str, Any]]:
    found = {}
    for answer in answers:
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int | None):
            raise ChainUnavailable(f"{url} answered with something that is not JSON-RPC")
        found[answer.get("id")] = answer
    return found


def _result(answers: dict[Any, dict[str, Any]], request: dict[str, Any], url: str) -> Any:
    answer = answers.get(request["id"])
    if answer is None and None in answers and isinstance(answers[None].get("error"), dict):
        answer = answers[None]  # the node could not even read our id
    if answer is None:
        raise ChainUnavailable(f"{url} answered another request than ours (wrong id); not believed")
    error = answer.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        detail = f"{request['method']}: {str(error.get('message', 'error'))[:300]}"
        raise RpcError(detail, rpc_code=code if isinstance(code, int) else 0, data=error.get("data"))
    if "result" not in answer:
        raise ChainUnavailable(f"{url} answered {request['method']} without a result")
    return answer["result"]


_loop: asyncio.AbstractEventLoop | None = None
_starting = threading.Lock()


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """On one event loop in a thread of its own, begun when first needed (so that it is not lost in a fork)."""
    global _loop
    with _starting:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="rpc", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loop).result()
