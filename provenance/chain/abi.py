"""ABI decoding that no contract's words can stop: a Solidity `string` may be bytes that `eth_abi` or PostgreSQL refuse."""

from __future__ import annotations

from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.encoding import TextStringEncoder
from eth_abi.registry import registry


class _AnyString(StringDecoder):
    """What is no UTF-8 becomes U+FFFD, and so does NUL, which PostgreSQL keeps in no text."""

    @staticmethod
    def decoder_fn(data: bytes, handle_string_errors: str = "replace") -> str:
        return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def _codec() -> ABICodec:
    ours = registry.copy()  # type: ignore[no-untyped-call]  # eth_abi's own
    ours.unregister("string")
    ours.register("string", TextStringEncoder, _AnyString, label="string")
    return ABICodec(ours)


_CODEC = _codec()


def decode(types: Any, data: bytes) -> tuple[Any, ...]:
    """Raises eth_abi's DecodingError where the data does not fit the types."""
    return _CODEC.decode(types, data)
