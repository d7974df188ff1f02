"""Carries bytes to an HTTP endpoint and back by a deadline; knows nothing of JSON-RPC, and never tries twice."""

from __future__ import annotations

import asyncio
import os
import weakref
from urllib.parse import urlsplit

import aiohttp

from provenance import event_loop
from provenance.errors import ChainUnavailable

MAX_BODY = 128 * 2**20
_CHUNK = 2**16


class Throttled(ChainUnavailable):
    """HTTP 429. `retry_after` is the endpoint's wish in seconds, or None."""

    def __init__(self, detail: str, retry_after: float | None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Transport:
    """POSTs JSON over kept-alive connections. Threads may share it; `close` ends the connections."""

    def __init__(self) -> None:
        self._open: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        weakref.finalize(self, _close_all, self._open)  # forgotten or at exit: no connection is left to the collector

    def post(self, url: str, body: bytes, timeout: float) -> bytes:
        """The body of a 200 answer, whole, within `timeout` seconds of wall clock: name look-up, connecting, sending
        and a peer that drips its answer byte by byte included. Anything else raises ChainUnavailable, and then the
        request may or may not have been carried out.
        """
        try:
            return event_loop.run(self._post(url, body, timeout), timeout)
        except TimeoutError as e:
            raise ChainUnavailable(f"{name_of(url)} did not answer within {timeout:.3g} s") from e
        except (aiohttp.ClientError, OSError, ValueError, EOFError) as e:
            raise ChainUnavailable(f"{name_of(url)} cannot be reached: {_describe(e)}") from e

    async def _post(self, url: str, body: bytes, timeout: float) -> bytes:
        async with asyncio.timeout(timeout):
            session = self._connections()
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                _check_status(name_of(url), response)
                return await _read(name_of(url), response)

    def _connections(self) -> aiohttp.ClientSession:
        """Called in the loop's thread only, hence without a lock."""
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            timeout = aiohttp.ClientTimeout(total=None)  # asyncio.timeout has the only say
            self._open[loop] = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._open[loop]

    def close(self) -> None:
        _close_all(self._open)


def _close_all(sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession]) -> None:
    """Those of this process's loop; a forked child's parent closes its own."""
    if not sessions:
        return  # and no loop is started only to close nothing
    mine = sessions.pop(event_loop.current(), None)
    sessions.clear()
    if mine is not None:
        event_loop.finish(mine.close())


def name_of(url: str) -> str:
    """Scheme and host of an endpoint: what may be shown. Paths, queries and user names of providers' URLs are keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _check_status(name: str, response: aiohttp.ClientResponse) -> None:
    if response.status == 429:
        wish = response.headers.get("Retry-After", "")
        raise Throttled(f"{name} answered HTTP 429, too many requests", float(wish) if wish.isdecimal() else None)
    if response.status != 200:
        raise ChainUnavailable(f"{name} answered HTTP {response.status} instead of 200")


async def _read(name: str, response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            response.close()
            raise ChainUnavailable(f"{name} answered more than {MAX_BODY} bytes")
    return bytes(body)


def _describe(error: Exception) -> str:
    """The system's words for the fault, or its kind; never aiohttp's own text, which may hold the URL."""
    number = getattr(getattr(error, "os_error", error), "errno", None) or 0
    return os.strerror(number) if number > 0 else type(error).__name__
