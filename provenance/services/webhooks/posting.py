"""Posts one message to somebody else's server, and never to ours: private addresses are refused where the name resolves.

The check is made on the very addresses that are connected to (a resolver of our own), so that a name which changes its
mind between check and use (DNS rebinding) gains nothing. Redirects are not followed. Signed as Standard Webhooks 1.0 says.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook

from provenance import event_loop
from provenance.errors import InvalidInput

TIMEOUT_SECONDS = 15.0
SHOWN = 200
"""Bytes of the receiver's answer that are read; none are kept."""


@dataclass(frozen=True)
class Posted:
    """`status` is None where there was no HTTP answer; `answer` says what came, without a word of the receiver's."""

    status: int | None
    answer: str

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Forbidden(OSError):
    """The address is not a public one."""


class Poster:
    """`private`: also to private addresses and over plain HTTP; for tests and closed networks."""

    def __init__(self, *, private: bool = False, timeout: float = TIMEOUT_SECONDS) -> None:
        self._private, self._timeout = private, timeout

    def check(self, url: str) -> None:
        """What can be known without resolving. Raises InvalidInput."""
        parts = urlsplit(url)
        schemes = ("https", "http") if self._private else ("https",)
        if parts.scheme not in schemes or not parts.hostname:
            raise InvalidInput(f"a webhook's URL starts with {schemes[0]}:// and names a host", field="url")
        if parts.username or parts.password or parts.fragment:
            raise InvalidInput("a webhook's URL has no user, password or fragment", field="url")
        if not self._private and _is_literal(parts.hostname) and not is_public(parts.hostname):
            raise InvalidInput("a webhook's URL must lead to a public address", field="url", code="private_address")

    def post(self, url: str, secret: str, message_id: str, body: str) -> Posted:
        """Never raises for what the receiver does. Ends within the timeout, whatever it does."""
        try:
            self.check(url)
            posting = self._post(url, _headers(secret, message_id, body), body.encode())
            return event_loop.run(posting, self._timeout)
        except InvalidInput as error:
            return Posted(None, error.detail)
        except TimeoutError:
            return Posted(None, f"no answer within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = error.__cause__ or error
            return Posted(None, "the address is private" if _has_forbidden(error) else type(cause).__name__)

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Posted:
        connector = aiohttp.TCPConnector(resolver=_Resolver(private=self._private))
        limit = aiohttp.ClientTimeout(total=self._timeout)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit, trust_env=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            await response.content.read(SHOWN)
            return Posted(response.status, f"HTTP {response.status}")


class _Resolver(AbstractResolver):
    """Public addresses only. Threads of its own, more than there are posts at once: a name that nobody answers for holds one
    far beyond the post's end, and must keep neither other posts nor the process's other look-ups waiting."""

    _threads = ThreadPoolExecutor(64, "webhook-lookup")

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)  # each once, the system's choice first
        allowed = [address for address in addresses if self._private or is_public(address)]
        if not allowed:
            raise Forbidden(f"{host} has no public address")
        return [_result(host, address, port) for address in allowed]

    async def close(self) -> None:
        """Nothing: the threads are everybody's."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


def is_public(address: str) -> bool:
    """Globally routable unicast (IANA's registries), also behind IPv4-mapped, 6to4, Teredo and NAT64 forms."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return True


def _has_forbidden(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Forbidden):
            return True
        error = error.__cause__ or error.__context__
    return False


def _headers(secret: str, message_id: str, body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signature: Any = Webhook(secret).sign(message_id, now, body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "voucher-provenance",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
