"""What each problem's `type` points at: /docs/errors, one paragraph a code, with the remedy."""

from __future__ import annotations

from html import escape

from flask import Response

from provenance.core.rules import EXPLANATIONS

REMEDIES = {
    "malformed_request": "The request is no HTTP or was cut off. Send it again.",
    "malformed_json": "The body is not JSON. Check its syntax.",
    "unsupported_media_type": "Send application/json; batches are multipart/form-data.",
    "too_large": "The body is larger than this route takes.",
    "not_found": "There is nothing at this address.",
    "method_not_allowed": "The address does not take this method; the header Allow lists what it takes.",
    "rate_limited": "Too many requests. Wait as long as Retry-After says.",
    "http_error": "The request was refused; the detail says why.",
    "internal_error": "Our fault. Quote the request_id to us.",
    "invalid_input": "A field can never be right as it is; `errors` names it.",
    "invalid_key": "The voucher key does not parse; the detail points at the character to look at again.",
    "invalid_signature": "The signature is malformed, malleated or made by someone else. Sign again.",
    "unauthorized": "Send a valid API key as Authorization: Bearer sk_…",
    "forbidden": "The API key is valid and has not the right that this route needs.",
    "conflict": "The present state refuses the request.",
    "refused": "The registry's rules refuse it.",
    "in_flight": "The first request of this kind is still being worked on. Wait a moment, then repeat it.",
    "idempotency_key_missing": "Send an Idempotency-Key, for example a fresh UUID.",
    "idempotency_key_invalid": "An Idempotency-Key has 1 to 255 ASCII characters.",
    "idempotency_key_reused": "This Idempotency-Key came with another payload before. Use a new one.",
    "voucher_reserved": "Another operation on this voucher was accepted first. Read its state, then decide again.",
    "unknown_voucher": "No such voucher is known here. Check the id.",
    "unknown_operation": "No such operation of yours is known.",
    "unknown_webhook": "No such webhook of yours is known.",
    "unknown_message": "No such message was meant for this webhook. GET its deliveries.",
    "too_many_webhooks": "This API key has as many webhooks as it may. Delete one.",
    "private_address": "A webhook's URL must lead to a public address.",
    "not_minted_yet": "The batch is not on the chain yet. Try again in a moment.",
    "leaves_unknown": "The batch is on the chain, but its leaves are not kept here. Ask its supplier for the certificate.",
    "no_content": "No sealed content is kept for this voucher's present holder.",
    "terms_mismatch": "The terms do not hash to the Mint's termsHash. Send the terms that were signed.",
    "leaves_mismatch": "The leaves are not count × 52 bytes. Upload the whole file.",
    "sealed_mismatch": "The sealed contents do not belong to the leaves. Upload both from the same directory.",
    "root_mismatch": "The leaves do not give the Mint's root. Upload the leaves that were signed.",
    "duplicate_claim_address": "Two vouchers have one claim address: whoever held one key would hold both. Draw again.",
    "zero_claim_address": "A voucher has the zero address: nobody could ever use it. Draw again.",
    "not_supplier": "The signer is not the supplier in question.",
    "not_brand": "The signer is not the batch's brand.",
    "not_your_batch": "The batch belongs to another supplier or brand.",
    "supplier_not_authorized": "The brand has not authorised this supplier, or no longer.",
    "quota_exceeded": "The brand's quota is smaller than the batch.",
    "batch_taken": "The batch is minted, and its leaves are kept here; there is nothing left to do.",
    "no_change": "The batch is in that state already.",
    "reverted": "The transaction reverted; nothing changed.",
    "refused_by_registry": "The registry refuses the call; the detail names its error.",
    "refused_by_node": "The node refuses the transaction; the detail gives its words.",
    "audit_running": "An audit is running. Wait for its result.",
    "busy": "The service is busy with another request of this kind. Try again in a moment.",
    "csrf": "The form is too old. Load the page again.",
    "undetermined": "Something could not be read. That says nothing about the voucher. Try again later.",
    "chain_unavailable": "The node did not answer. Try again later.",
    "chain_mismatch": "The node serves another chain, or the registry's address has no code. The operator has to look.",
    "rpc_error": "The node answered with an error. Try again later.",
    "storage_unavailable": "The database could not take the write; nothing was stored. Try again.",
    "halted": "The service has stopped itself for safety. The operator has to look (docs/operations.md).",
}


def page() -> Response:
    """Every code, with an anchor of its name."""
    known = REMEDIES | {str(reason): f"{text[:1].upper()}{text[1:]}." for reason, text in EXPLANATIONS.items()}
    rows = "".join(f'<dt id="{code}"><code>{code}</code></dt><dd>{escape(known[code])}</dd>' for code in sorted(known))
    title = "Problems, and what to do about each"
    html = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><dl>{rows}</dl></html>'
    return Response(html, mimetype="text/html")
