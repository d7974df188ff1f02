"""A problem's `type` leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from api import problems
from provenance import errors

ROOT = Path(__file__).parents[2]


def test_every_code_that_the_program_can_answer_is_explained(town):
    page = town.call("GET", "/docs/errors").get_data(as_text=True)
    sources = [*ROOT.glob("api/*.py"), *ROOT.glob("provenance/services/**/*.py"), *ROOT.glob("provenance/store/*.py")]
    written = {code for path in sources for code in re.findall(r'code="([a-z_]+)"', path.read_text())}
    answered = written | set(problems.HTTP_CODES.values()) | {kind.code for kind, _, _ in problems.STATUS}
    assert {errors.Halted.code, "voucher_reserved", "too_large"} <= answered  # the search finds what it should
    assert sorted(code for code in answered if f'id="{code}"' not in page) == []
