"""The judge: every verdict, each step proved false or unread, and the promise that unread is neither fake nor genuine."""

from dataclasses import replace

import pytest

from provenance.core.evidence import Unread
from provenance.core.statements import Domain
from provenance.core.steps import KeyStanding, Outcome
from provenance.core.verdict import Verdict, judge
from provenance.core.voucher import VoucherId
from tests.web.judge_cases import (
    CERTIFICATES,
    CHAINS,
    DOMAIN,
    EXPIRES,
    GENUINE,
    HEAD,
    INDEX,
    KEYS,
    SHOWN,
    Evidence,
    account,
    cases,
)

GOOD = (Verdict.SEALED, Verdict.HELD)
READ = tuple(set(Verdict) - {Verdict.FORGED, Verdict.UNDETERMINED})


def judged(certificate="genuine", chain="sealed", key="none", pin=DOMAIN, **changes):
    found = CERTIFICATES[certificate] if isinstance(certificate, str) else certificate
    reading = CHAINS[chain] if isinstance(chain, str) else chain
    evidence = Evidence(GENUINE.voucher_id, SHOWN.get(key, key), found, pin, reading, HEAD.timestamp)
    return judge(replace(evidence, **changes))


def outcomes(judgement):
    return {step.number: step.outcome for step in judgement.steps}


@pytest.fixture(scope="module")
def every_case():
    return [(case, judge(case.evidence)) for case in cases()]


def test_forged_means_that_a_step_is_false_and_nothing_else_does(every_case):
    for case, judgement in every_case:
        false = Outcome.FALSE in outcomes(judgement).values()
        assert (judgement.verdict is Verdict.FORGED) == false, case.name


def test_unread_is_undetermined_never_forged_and_never_genuine(every_case):
    for case, judgement in every_case:
        found = outcomes(judgement)
        unread = Outcome.UNREAD in [found[number] for number in range(1, 8)]
        if unread and Outcome.FALSE not in found.values():
            assert judgement.verdict is Verdict.UNDETERMINED, case.name
        if isinstance(case.evidence.chain, Unread):
            assert judgement.verdict in (Verdict.FORGED, Verdict.UNDETERMINED), case.name
            assert not judgement.good


def test_a_status_is_only_told_where_every_step_was_proved(every_case):
    reached = set()
    for case, judgement in every_case:
        if judgement.verdict in READ:
            proved = {number for number, outcome in outcomes(judgement).items() if outcome is Outcome.PROVED}
            assert proved >= {1, 3, 4, 5, 6, 7}, case.name
        reached.add(judgement.verdict)
        assert judgement.reason
        assert all(step.detail and step.source for step in judgement.steps)
    assert reached == set(Verdict)


def test_good_means_somebody_can_use_it(every_case):
    for case, judgement in every_case:
        if judgement.good:
            assert judgement.verdict in GOOD, case.name
            assert judgement.key_standing not in (KeyStanding.FORMER, KeyStanding.FOREIGN)


@pytest.mark.parametrize(
    ("chain", "verdict"),
    [
        ("sealed", Verdict.SEALED),
        ("held", Verdict.HELD),
        ("redeemed", Verdict.REDEEMED),
        ("redeemed while sealed", Verdict.REDEEMED),
        ("revoked", Verdict.REVOKED),
        ("suspended", Verdict.SUSPENDED),
        ("brand suspended", Verdict.SUSPENDED),
        ("last second", Verdict.SEALED),
        ("expired", Verdict.EXPIRED),
        ("expired and redeemed", Verdict.REDEEMED),
        ("expired and suspended", Verdict.EXPIRED),
        ("absent", Verdict.FORGED),
        ("absent and behind", Verdict.UNDETERMINED),
        ("unread", Verdict.UNDETERMINED),
        ("voucher unknown", Verdict.UNDETERMINED),
        ("finality unread", Verdict.SEALED),
    ],
)
def test_the_chain_decides(chain, verdict):
    assert judged(chain=chain).verdict is verdict


@pytest.mark.parametrize(
    ("step", "evidence"),
    [
        (2, {"key": "foreign"}),
        (3, {"certificate": "bent proof"}),
        (3, {"certificate": "other claim address"}),
        (3, {"voucher_id": VoucherId(GENUINE.batch_id, INDEX + 1)}),
        (4, {"chain": "absent"}),
        (4, {"chain": "other root"}),
        (4, {"pin": Domain(1, account(1))}),
        (5, {"certificate": "other batch id", "voucher_id": VoucherId(b"\4" * 8, INDEX)}),
        (5, {"certificate": "other terms"}),
    ],
)
def test_each_step_can_be_proved_false(step, evidence):
    judgement = judged(**evidence)
    assert outcomes(judgement)[step] is Outcome.FALSE
    assert judgement.verdict is Verdict.FORGED


@pytest.mark.parametrize(
    ("step", "evidence"),
    [
        (2, {"chain": "history unread", "key": "former"}),
        (3, {"certificate": "unread"}),
        (4, {"chain": "unread"}),
        (5, {"certificate": "unread"}),
        (6, {"chain": "brand unread"}),
        (7, {"chain": "voucher unknown"}),
    ],
)
def test_each_step_can_be_unread(step, evidence):
    judgement = judged(**evidence)
    assert outcomes(judgement)[step] is Outcome.UNREAD
    assert judgement.verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("chain", "key", "standing"),
    [
        ("sealed", "none", KeyStanding.NOT_SHOWN),
        ("sealed", "printed", KeyStanding.PRINTED),
        ("sealed", "foreign", KeyStanding.FOREIGN),
        ("held", "holder", KeyStanding.CURRENT),
        ("held", "printed", KeyStanding.FORMER),
        ("held", "former", KeyStanding.FORMER),
        ("held", "foreign", KeyStanding.FOREIGN),
        ("claimed back", "printed", KeyStanding.CURRENT),
        ("history unread", "holder", KeyStanding.CURRENT),
        ("history unread", "printed", KeyStanding.FORMER),
        ("history unread", "foreign", KeyStanding.UNKNOWN),
        ("unread", "printed", KeyStanding.UNKNOWN),
    ],
)
def test_what_a_key_is_to_the_voucher(chain, key, standing):
    assert judged(chain=chain, key=key).key_standing is standing


@pytest.mark.parametrize(
    ("certificate", "absent"),
    [(None, Verdict.FORGED), (Unread("service down"), Verdict.UNDETERMINED), (Unread("waits"), Verdict.UNDETERMINED)],
)
def test_without_certificate_the_registry_says_that_there_is_no_such_voucher(certificate, absent):
    """A batch that its keeper knows may still be on its way to the chain; an index beyond a batch's count never is."""
    given = {"certificate": certificate}
    assert judged(chain="absent", **given).verdict is absent
    assert judged(chain="sealed", **given).verdict is Verdict.UNDETERMINED
    assert judged(chain="unread", **given).verdict is Verdict.UNDETERMINED
    beyond = VoucherId(GENUINE.batch_id, 5)
    assert judged(chain="voucher unknown", voucher_id=beyond, **given).verdict is Verdict.FORGED
    assert judged(chain="sealed", key=KEYS["foreign"], **given).key_standing is KeyStanding.UNKNOWN


@pytest.mark.parametrize("chain", ["sealed", "held"])
def test_nothing_is_good_in_a_registry_that_nobody_pinned(chain):
    judgement = judged(chain=chain, pin=None)
    assert judgement.verdict is Verdict.CONSISTENT
    assert not judgement.good
    assert f"registry {DOMAIN.registry} on chain 31337, which you would have to trust" in judgement.reason
    (step,) = [step for step in judgement.steps if step.number == 4]
    assert "the certificate itself names" in step.detail


@pytest.mark.parametrize("chain", ["redeemed", "revoked", "suspended", "expired"])
def test_what_cannot_be_used_is_told_without_a_pin_too(chain):
    assert judged(chain=chain, pin=None).verdict == chain


@pytest.mark.parametrize(
    ("chain", "read_at", "verdict", "clock"),
    [
        ("sealed", EXPIRES, Verdict.SEALED, None),
        ("sealed", EXPIRES + 1, Verdict.EXPIRED, "reader"),
        ("held", EXPIRES + 1, Verdict.EXPIRED, "reader"),
        ("suspended", EXPIRES + 1, Verdict.EXPIRED, "reader"),
        ("expired", EXPIRES - 10**8, Verdict.EXPIRED, "chain"),
        ("expired", EXPIRES + 1, Verdict.EXPIRED, "chain"),
        ("redeemed", EXPIRES + 1, Verdict.REDEEMED, None),
        ("revoked", EXPIRES + 1, Verdict.REVOKED, None),
    ],
)
def test_a_voucher_is_expired_by_the_chains_clock_or_the_readers(chain, read_at, verdict, clock):
    """A chain that mines only when asked stays behind the clock on the wall."""
    judgement = judged(chain=chain, read_at=read_at)
    assert (judgement.verdict, judgement.expired_by) == (verdict, clock)
    assert not judgement.good or read_at <= EXPIRES
    if clock:
        assert {"chain": "the chain's clock", "reader": "this machine's clock"}[clock] in judgement.reason
