"""Writes typed-codes.json: what people type and paste, and what it reads as. `python -m tests.vectors.make_typed_codes`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from provenance.core.voucher import VoucherKey

BATCH = bytes.fromhex("9f3c2a7e81d04b6c")
KEY, OTHER = (VoucherKey(BATCH, index, bytes(range(16))).encode() for index in (42, 43))
BIG, ID = KEY.upper(), "9f3c2a7e81d04b6c-42"

DASHES = {
    "hyphens": "-", "en dashes": "–", "em dashes": "—", "minus signs": "−", "non-breaking hyphens": "\u2011",
    "full-width hyphens": "－", "horizontal bars": "―", "figure dashes": "‒", "small hyphens": "﹣", "hyphen bullets": "⁃",
}  # fmt: skip
SPACES = {
    "space": " ", "no-break space": "\u00a0", "ideographic space": "\u3000", "thin space": "\u2009", "tab": "\t",
    "narrow no-break space": "\u202f", "line break": "\n", "Windows line break": "\r\n", "line separator": "\u2028",
    "next line": "\u0085",
}  # fmt: skip
UNSEEN = {
    "zero-width space": "\u200b", "zero-width non-joiner": "\u200c", "zero-width joiner": "\u200d", "NUL": "\u0000",
    "left-to-right mark": "\u200e", "byte order mark": "\ufeff", "soft hyphen": "\u00ad", "word joiner": "\u2060",
    "right-to-left override": "\u202e", "variation selector": "\ufe0f", "escape": "\u001b",
}  # fmt: skip
QUOTES = ['""', "''", "“”", "‘’", "「」", "«»", "()", "【】", "``", "<>", "《》"]
BEHIND = [".", "。", ",", "，", "、", ";", "！", "…", "😀", "  ", "\n"]
LABELS = ["卡密：", "卡密", "卡密： ", "Key: ", "key:", "1. ", "1)", "• ", "#", "您购买的卡密为", ID + " "]
TAILS = ["", "&isappinstalled=0", "?from=singlemessage", "。", "%", "%2", "#wechat_redirect", "%20", "&a=b&c=d"]
WHOLE = {
    "in a sentence": f"您的卡密是 {BIG}，请尽快兑换。",
    "with words behind": f"{BIG} thanks",
    "a line of the key file": f"{ID},{KEY},https://host/v/{ID},https://host/v#{BIG}",
    "the key file whole": f"voucher_id,key,public_url,secret_url\n{ID},{KEY},https://host/v/{ID},https://host/v#{BIG}\n",
    "a saved key as JSON": json.dumps({"voucherId": ID, "key": BIG, "link": f"https://host/v#{BIG}"}),
    "the page's saved key": f"{BIG}\nhttps://host/v#{BIG}\n",
    "twice the same": f"{BIG} {KEY}",
    "a link whose # was escaped": f"https://host/v%23{BIG}",
    "a link with a slash": f"https://host/v/#{BIG}",
    "a link in capitals": f"HTTPS://HOST/V#{BIG}",
    "an escaped label": f"%E5%8D%A1%E5%AF%86%EF%BC%9A{BIG}",
    "a link in Markdown": f"[卡密](https://host/v#{BIG})",
}
IDS = {
    "as it is": ID, "in capitals": ID.upper(), "with an en dash": ID.replace("-", "–"), "with spaces around": f"  {ID}\n",
    "with 0x": f"0x{ID}", "behind a label": f"编号：{ID}", "with a full stop": f"{ID}。",
    "in a public link": f"https://host/v/{ID}", "in a link with a slash": f"https://host/v/{ID}/",
    "in a link with parameters": f"https://host/v/{ID}?from=timeline&isappinstalled=0",
    "with a zero-width space inside": f"{ID[:8]}\u200b{ID[8:]}", "with spaces around its dash": ID.replace("-", " - "),
}  # fmt: skip


def wide(text: str) -> str:
    """As a Chinese keyboard in full-width mode writes it."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def slipped(*places: int, text: str = KEY) -> str:
    """Another character of the alphabet at each place."""
    return "".join(("q" if c != "q" else "p") if i in places else c for i, c in enumerate(text))


def put(character: str, place: int) -> str:
    return KEY[:place] + character + KEY[place + 1 :]


def keys() -> dict[str, str]:
    def grouped(by: str) -> str:
        return by.join(BIG[i : i + 5] for i in range(0, len(BIG), 5))

    return (
        {"small letters": KEY, "capitals": BIG, "full width": wide(BIG), "full-width small letters": wide(KEY)}
        | {"one full-width digit": BIG.replace("1", "１", 1)}
        | {f"groups with {name}": grouped(dash) for name, dash in DASHES.items()}
        | {f"groups with a {name}": grouped(space) for name, space in SPACES.items()}
        | {f"a {name} inside": BIG[:20] + unseen + BIG[20:] for name, unseen in UNSEEN.items()}
        | {f"a {name} around": unseen + BIG + unseen for name, unseen in UNSEEN.items()}
        | {f"in {pair}": pair[0] + BIG + pair[1] for pair in QUOTES}
        | {f"before {behind!r}": BIG + behind for behind in BEHIND}
        | {f"behind {label!r}": label + BIG for label in LABELS}
        | {f"a link that ends in {tail!r}": f"https://host/v#{BIG}{tail}" for tail in TAILS}
        | {f"a fragment that ends in {tail!r}": BIG + tail for tail in TAILS}
        | WHOLE
    )


def faults() -> dict[str, tuple[str, str, int | None]]:
    mixed = slipped(20)
    return {
        "nothing": ("", "empty", None),
        "only spaces": (" \u3000\u200b", "empty", None),
        "a product's barcode": ("4006381333931", "prefix", None),
        "another link": ("https://example.com/", "prefix", None),
        "a batch id alone": (ID[:16], "prefix", None),
        "half small, half capitals": (BIG[:10] + KEY[10:], "case", None),
        "the first letter a capital": (KEY[0].upper() + KEY[1:], "case", None),
        "one wrong character": (slipped(20), "suspect", 20),
        "one wrong character in capitals": (slipped(20).upper(), "suspect", 20),
        "one wrong character behind a label": ("卡密：" + slipped(20), "suspect", 23),
        "mixed case and one wrong character": (mixed[:30].upper() + mixed[30:], "suspect", 20),
        "two wrong characters": (slipped(20, 40), "checksum", None),
        "a letter that cannot occur": (put("b", 12), "character", 12),
        "an o for a 0": (put("o", 30), "character", 30),
        "a Cyrillic letter": (put("а", 15), "character", 15),
        "a character missing": (KEY[:-1], "length", None),
        "a character too many": (KEY[:30] + "q" + KEY[30:], "length", None),
        "two keys": (f"{BIG}\n{OTHER.upper()}", "several", None),
        "two ids": (f"{ID} {ID[:16]}-43", "several", None),
    }


def main() -> None:
    cases: list[dict[str, Any]] = [{"name": name, "typed": typed, "reads": "key"} for name, typed in keys().items()]
    cases += [{"name": f"an id {name}", "typed": typed, "reads": "id"} for name, typed in IDS.items()]
    for name, (typed, fault, position) in faults().items():
        where = {} if position is None else {"position": position}
        cases.append({"name": name, "typed": typed, "fault": fault, **where})
    document = {"key": KEY, "id": ID, "cases": cases}
    path = Path(__file__).with_name("typed-codes.json")
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
