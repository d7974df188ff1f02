"""certificate, verify, transfer, redeem, history: one voucher's life. The verdict is formed here, from the chain."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from provenance.chain.keystore import read_address
from provenance.chain.registry import Registry
from provenance.chain.rpc import Rpc
from provenance.cli.batches import say
from provenance.cli.options import ADDRESS, EXISTING_FILE, FILE, api_key_option, client, deadline, settings
from provenance.cli.output import NO, UNDETERMINED, UNTRUSTED, YES, finish, json_option, show
from provenance.client import holder
from provenance.core import typed
from provenance.core.certificate import Certificate
from provenance.core.encoding import Address
from provenance.core.evidence import Unread
from provenance.core.fingerprint import claim_address
from provenance.core.statements import Domain
from provenance.core.verdict import Judgement, Verdict
from provenance.core.voucher import VoucherId, VoucherKey, read_code
from provenance.errors import Conflict, Forbidden, InvalidInput, NotFound, ProvenanceError, Unauthorized
from provenance.minting import durable
from provenance.services.verification import Verification

EXIT_CODES = {Verdict.UNDETERMINED: UNDETERMINED, Verdict.CONSISTENT: UNTRUSTED}
TIERS = ["included", "safe", "finalized"]


@click.command()
@click.argument("voucher_id")
@click.option("-o", "--output", type=FILE, help="Write it to this file.")
@json_option
def certificate(voucher_id: str, output: Path | None) -> None:
    """The portable proof of a voucher's origin; it holds no secret."""
    found = client().certificate(_voucher_id(voucher_id)).to_json()
    if output is None:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    output.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", "utf-8")
    show({"file": str(output)}, f"The certificate of {voucher_id} is in {output}.")


@click.command()
@click.argument("target")
@click.option(
    "--certificate", "certificate_file", type=EXISTING_FILE, help="A saved certificate; else the service is asked."
)
@click.option("--rpc", help="The endpoint to read the chain through; by default RPC_URL.")
@click.option("--registry", type=ADDRESS, help="The registry to trust; by default REGISTRY.")
@click.option(
    "--open", "show_content", is_flag=True, help="Show what is sealed inside, too; needs the key and the service."
)
@json_option
def verify(
    target: str, certificate_file: Path | None, rpc: str | None, registry: Address | None, show_content: bool
) -> None:
    """Is it genuine and unspent? TARGET is a voucher key, a voucher id, or a certificate file; - reads it from standard input.

    The chain answers, not the service; with a certificate, an RPC endpoint alone is enough.
    """
    key, voucher_id, found = _read_target(target, certificate_file)
    pinned = _pin(registry)
    trusted = pinned or (Domain(found.batch.chain_id, found.batch.registry) if isinstance(found, Certificate) else None)
    endpoint = Rpc(rpc or settings().rpc_urls, timeout=settings().rpc_timeout)
    reader = Registry(endpoint, trusted.registry) if trusted else None
    address = claim_address(key.secret) if key else None
    judgement = Verification(reader, pinned).verify(voucher_id, address, found)
    facts, lines = _facts(voucher_id, judgement), _lines(judgement)
    if show_content:
        facts["content"] = _open(key)
        lines.append(f"Inside: {facts['content'] or 'nothing'}")
    show(facts, *lines)
    finish(EXIT_CODES.get(judgement.verdict, YES if judgement.good else NO))


@click.command()
@click.argument("key")
@click.option("--to", type=ADDRESS, help="An address that the receiver told you; else a fresh key is drawn.")
@click.option("--new-key-file", type=FILE, help="Where the fresh key goes; by default <voucher id>.key.")
@click.option("--wait", "tier", type=click.Choice(TIERS), default="included", show_default=True)
@json_option
def transfer(key: str, to: Address | None, new_key_file: Path | None, tier: str) -> None:
    """Re-key a voucher: every older copy of its KEY is dead afterwards.

    The fresh key is on the disk before the old one dies.
    """
    old, api, domain = VoucherKey.parse(_text(key)), client(), _domain()
    if to is not None:
        operation = api.transfer(holder.give(api, domain, old, to, deadline()))
        say(api.wait(operation, tier), f"Voucher {old.voucher_id} now belongs to {to}")
        return
    path = new_key_file or Path(f"{old.voucher_id}.key")
    if path.exists():
        raise InvalidInput(f"{path} exists already; name another with --new-key-file", field="new_key_file")
    change = holder.rekey(api, domain, old, deadline())
    durable.write(path, (change.new_key.encode().upper() + "\n").encode())
    # A crash here leaves a key that is not valid yet, and the old one that still is.
    with _keeping(path):
        operation = api.wait(api.transfer(change.signed, change.sealed_content), tier)
        say(operation, f"Voucher {old.voucher_id} is re-keyed; its only valid key is in {path}")


@contextmanager
def _keeping(path: Path) -> Iterator[None]:
    """The new key's file goes where the transfer was refused, since that key never was valid; where it is not known what
    became of the transfer, it stays and the error says where."""
    try:
        yield
    except (InvalidInput, Conflict, NotFound, Unauthorized, Forbidden):
        path.unlink(missing_ok=True)
        raise
    except ProvenanceError as error:
        error.detail += (
            f"; the new key is in {path}: keep it and the old one until `provenance verify` says which is valid"
        )
        raise


@click.command()
@click.argument("key")
@click.option("--redeemer", type=ADDRESS, help="Whose redemption it is; by default DATA_DIR/keys/redeemer.json's.")
@click.option("--wait", "tier", type=click.Choice(TIERS), default="included", show_default=True)
@api_key_option
@json_option
def redeem(key: str, redeemer: Address | None, tier: str, api_key_file: Path | None) -> None:
    """Take a voucher, once. Exit code 1 where someone was first."""
    redeemer = redeemer or read_address(settings().data_dir / "keys" / "redeemer.json")
    parsed, api = VoucherKey.parse(_text(key)), client("redeemer", api_key_file)
    signed = holder.redeem(api, _domain(), parsed, redeemer, deadline())
    say(api.wait(api.redeem(signed), tier), f"Voucher {parsed.voucher_id} is redeemed by {redeemer}")


@click.command()
@click.argument("voucher_id")
@json_option
def history(voucher_id: str) -> None:
    """Every event of a voucher, oldest first."""
    events = client().history(_voucher_id(voucher_id))
    lines = [
        f"{e['blockNumber']:>8}  {e['kind']:<12} {e['actor'] or '':<42}  {e['tier']}  {e['transaction']}"
        for e in events
    ]
    show(events, *(lines or ["Nothing has happened to it on the chain yet."]))


def _read_target(
    target: str, certificate_file: Path | None
) -> tuple[VoucherKey | None, VoucherId, Certificate | Unread | None]:
    text = _text(target)
    if certificate_file is None and not text.lower().startswith(("vp1", "http")) and _is_file(text):
        found = Certificate.loads(Path(text).read_bytes())
        return None, found.voucher_id, found
    code = read_code(text)
    key = code if isinstance(code, VoucherKey) else None
    voucher_id = code.voucher_id if isinstance(code, VoucherKey) else code
    if certificate_file is not None:
        return key, voucher_id, Certificate.loads(certificate_file.read_bytes())
    return key, voucher_id, _ask(voucher_id)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # longer than a name can be, or with a NUL
        return False


def _ask(voucher_id: VoucherId) -> Certificate | Unread | None:
    try:
        return client().certificate(voucher_id)
    except NotFound as error:
        return None if error.code == "unknown_voucher" else Unread(error.detail)
    except ProvenanceError as error:
        return Unread(error.detail)


def _text(argument: str) -> str:
    """`-`: from standard input, where other users of the machine cannot see it."""
    if argument != "-":
        return argument.strip()
    return (sys.stdin.readline() if sys.stdin.isatty() else sys.stdin.read()).strip()


def _voucher_id(text: str) -> VoucherId:
    """Raises InvalidInput for a key, which is nobody's to show for this."""
    code = read_code(text) if typed.ids_in(text) else VoucherId.parse(text, field="voucher_id")
    if isinstance(code, VoucherKey):
        raise InvalidInput("this is a voucher key, not an id: keep it to yourself", field="voucher_id")
    return code


def _domain() -> Domain:
    return Domain(settings().chain_id, settings().require_registry())


def _pin(registry: Address | None) -> Domain | None:
    chosen = registry or settings().registry
    return Domain(settings().chain_id, chosen) if chosen else None


def _facts(voucher_id: VoucherId, judgement: Judgement) -> dict[str, object]:
    return {
        "voucherId": str(voucher_id),
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "expiredBy": judgement.expired_by,
        "keyStanding": judgement.key_standing,
        "tier": judgement.tier,
        "block": judgement.block.number if judgement.block else None,
        "redeemedBy": judgement.redemption.party if judgement.redemption else None,
        "redeemedAt": judgement.redemption.timestamp if judgement.redemption else None,
        "steps": [vars(step) for step in judgement.steps],
    }


def _open(key: VoucherKey | None) -> str | None:
    """Opened here: the service has only the ciphertext."""
    if key is None:
        raise InvalidInput("only a voucher's key opens what is sealed inside", field="target")
    content = holder.read_content(client(), key)
    return content[1] if content else None


def _lines(judgement: Judgement) -> list[str]:
    marks = {"proved": "✓", "false": "✗", "unread": "?", "skipped": "–"}
    end = "" if judgement.reason.endswith("?") else "."
    lines = [f"{judgement.verdict.upper()}: {judgement.reason}{end}"]
    if judgement.redemption:
        lines.append(f"Redeemed by {judgement.redemption.party} in block {judgement.redemption.block}.")
    if judgement.key_standing == "printed" and judgement.verdict is Verdict.SEALED:
        lines.append("Claim it (`provenance transfer`): until then whoever saw the printed key can use it.")
    if judgement.key_standing == "former":
        lines.append("This key is dead: the voucher was re-keyed to another. Ask whoever gave it to you.")
    return lines + [f"  {marks[s.outcome]} {s.number} {s.name}: {s.detail} [{s.source}]" for s in judgement.steps]
