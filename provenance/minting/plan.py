"""Owns what a supplier asks for, and that a directory keeps to one such plan; leaves the minting to `workspace`."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance.core.batch import Batch, canonical_terms, hash_terms
from provenance.core.encoding import MAX_JSON_INTEGER, Address, parse_integer, to_hex
from provenance.core.voucher import MAX_COUNT
from provenance.errors import Conflict, InvalidInput
from provenance.minting import durable
from provenance.minting.age import parse_recipients
from provenance.minting.contents import Contents

PLAN = "plan.json"
TERMS = "terms.json"

_TYPE = "voucher-batch-plan/v1"
_LAST_SECOND = 2**40 - 1
_URL = re.compile(r"https?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~%-]+)*\Z")


@dataclass(frozen=True)
class MintPlan:
    """One batch to be. Raises InvalidInput for what could never be minted.

    Times are Unix seconds. `deadline` is the signed statement's and no part of the batch: it may change from run to
    run. `base_url` (https://HOST, no slash at its end) begins both links of a voucher. `contents`, where given, has a
    text for each voucher; `recipients` are age public keys that alone shall read the key file.
    """

    chain_id: int
    registry: Address
    brand: Address
    supplier: Address
    terms: dict[str, Any]
    count: int
    expires_at: int
    deadline: int
    base_url: str
    contents: Contents | None = field(default=None, repr=False)
    recipients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parse_integer(self.chain_id, MAX_JSON_INTEGER, field="chain_id", least=1)
        parse_integer(self.count, MAX_COUNT, field="count", least=1)
        parse_integer(self.expires_at, _LAST_SECOND, field="expires_at")
        parse_integer(self.deadline, _LAST_SECOND, field="deadline")
        canonical_terms(self.terms)
        parse_recipients(self.recipients)
        if not _URL.match(self.base_url):
            detail = f"base_url {self.base_url!r:.100} must look like https://HOST, without a slash at its end"
            raise InvalidInput(detail, field="base_url")
        if self.contents is not None and len(self.contents) != self.count:
            detail = f"there are {len(self.contents)} contents for {self.count} vouchers; give one for each"
            raise InvalidInput(detail, field="contents")

    def batch(self, root: bytes) -> Batch:
        """The batch that this plan and a tree make."""
        parties = (self.chain_id, self.registry, self.brand, self.supplier)
        return Batch(*parties, root, self.count, self.expires_at, hash_terms(self.terms))

    def facts(self) -> dict[str, Any]:
        """What a directory is held to, as JSON; the contents apart."""
        return {
            "type": _TYPE,
            "chainId": self.chain_id,
            "registry": self.registry,
            "brand": self.brand,
            "supplier": self.supplier,
            "termsHash": to_hex(hash_terms(self.terms)),
            "count": self.count,
            "expiresAt": self.expires_at,
            "baseUrl": self.base_url,
            "recipients": list(self.recipients),
        }


def keep(plan: MintPlan, directory: Path, others: tuple[str, ...]) -> None:
    """Write the plan into a new directory, or check that it is the one there.

    Raises Conflict that names the first field in which they differ; and where one of the files `others` is there
    without a plan, since such a directory is not ours to go on with.
    """
    kept = read(directory)
    if kept is not None:
        _compare(plan, kept, directory)
        return
    stray = [name for name in others if (directory / name).exists()]
    if stray:
        detail = f"{directory} holds {stray[0]} but no {PLAN}; choose an empty directory"
        raise Conflict(detail, field="directory", code="different_plan")
    durable.write(directory / TERMS, canonical_terms(plan.terms))
    # A crash here leaves terms without a plan: the next run may bring other terms and overwrites them.
    durable.write(directory / PLAN, json.dumps(plan.facts() | _contents(plan, os.urandom(16)), indent=1).encode())


def read(directory: Path) -> dict[str, Any] | None:
    """The plan kept in a directory, as JSON; None where there is none. Raises Conflict where it cannot be read."""
    try:
        kept = json.loads((directory / PLAN).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Conflict(f"{directory / PLAN} is damaged ({error}); choose another directory") from error
    if not isinstance(kept, dict) or kept.get("type") != _TYPE:
        raise Conflict(f"{directory / PLAN} is not a plan of this program; choose another directory")
    return kept


def _contents(plan: MintPlan, salt: bytes) -> dict[str, Any]:
    if plan.contents is None:
        return {"contents": None}
    return {"contents": {"salt": salt.hex(), "scrypt": plan.contents.fingerprint(salt)}}


def _compare(plan: MintPlan, kept: dict[str, Any], directory: Path) -> None:
    salt = bytes.fromhex((kept["contents"] or {"salt": ""})["salt"])
    for name, value in (plan.facts() | _contents(plan, salt)).items():
        if kept.get(name) != value:
            said = f"{name} is {kept.get(name)!r:.80} there, {value!r:.80} here"
            detail = f"{directory} holds another batch: {said}; give the same, or another directory"
            raise Conflict(detail, field=name, code="different_plan")
