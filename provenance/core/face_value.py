"""Says which face values of a batch's terms readers cannot show as an amount of money, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(\.([0-9]+))?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DIGITS = dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
_DIGITS |= dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0)
_DIGITS |= dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0)
_USUAL = 2


def face_value_warnings(terms: Mapping[str, Any]) -> Iterator[str]:
    """Why `terms["faceValue"]` will be shown as it stands and not as an amount of money; nothing where it will not.

    Minor units as in ISO 4217.
    """
    if "faceValue" not in terms:
        return
    value, remedy = terms["faceValue"], 'write {"amount": "20.00", "currency": "CNY"}'
    if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
        yield f"the face value is no amount with a currency and will be shown as it stands; {remedy}"
        return
    amount, currency = value["amount"], value["currency"]
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        yield f"the face value's currency is no code of three capitals; {remedy}"
    elif not isinstance(amount, str) or not (found := _AMOUNT.fullmatch(amount)):
        yield f"the face value's amount is no decimal number in quotes and will be shown as it stands; {remedy}"
    elif len(found[3] or "") > (places := _DIGITS.get(currency, _USUAL)):
        yield f"{currency} has {places} decimal places, {amount} has more and will be shown as it stands"
