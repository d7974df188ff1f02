"""Every text that pages and scripts name is there, in both languages, with the same places to fill in."""

import json
import re
from pathlib import Path

import pytest

from provenance.core.rules import Refusal

WEB = Path(__file__).parents[2] / "api" / "web"
TEXTS = {language: json.loads((WEB / "locales" / f"{language}.json").read_text()) for language in ("en", "zh-CN")}
SCRIPTS = [p for p in WEB.rglob("*.js") if not {"node_modules", "dist"} & set(p.parts)]
NAMED = (
    (r"""\b(?:t|maybe|fact|badge|field)\(\s*"([a-z][\w.]+\.[\w. -]+)\"""", "{}"),
    (r"""InvalidInput\("([\w.]+)\"""", "error.{}"),
    (r"""Unreadable\("(rpc[\w.]+)\"""", "{}"),
    (r"""unread\("([\w.]+)\"""", "{}"),
    (r"""["'](step\.[a-z]+\.[a-z_]+)["']""", "{}"),
)


def named_by_scripts():
    for path in SCRIPTS:
        for pattern, form in NAMED:
            yield from (form.format(name) for name in re.findall(pattern, path.read_text()))


def named_by_templates():
    for path in (WEB / "templates").glob("*.html"):
        yield from re.findall(r"""t\[["']([\w. -]+[\w])["']\]""", path.read_text())


def test_both_languages_have_the_same_texts_with_the_same_places():
    assert TEXTS["en"].keys() == TEXTS["zh-CN"].keys()
    places = {
        language: {k: set(re.findall(r"{(\w+)}", v)) for k, v in texts.items()} for language, texts in TEXTS.items()
    }
    assert places["en"] == places["zh-CN"]


@pytest.mark.parametrize("named", [named_by_scripts, named_by_templates])
def test_every_named_text_exists(named):
    found = set(named())
    assert len(found) > 30
    assert found - TEXTS["en"].keys() == set()


def test_every_verdict_standing_and_outcome_has_its_words():
    verdicts = ["sealed", "held", "redeemed", "revoked", "suspended", "expired", "forged", "undetermined"]
    wanted = {f"verdict.{v}.{part}" for v in verdicts for part in ("title", "next")}
    standings = ["not_shown", "printed", "current", "former", "foreign", "unknown"]
    wanted |= {f"step.claim.{standing}" for standing in standings}
    wanted |= {f"step.outcome.{o}" for o in ("proved", "false", "unread", "skipped")}
    wanted |= {f"operation.{s}" for s in ("accepted", "sent", "included", "safe", "finalized", "refused")}
    assert wanted - TEXTS["en"].keys() == set()


def test_every_refusal_that_a_page_may_meet_has_its_words_in_both_languages():
    """The pages fall back to the service's English; that is for what only programs meet."""
    wanted = {
        f"error.{rule}"
        for rule in (*Refusal, "rate_limited", "halted", "storage_unavailable", "in_flight", "forbidden")
    }
    assert wanted - TEXTS["en"].keys() == set()
