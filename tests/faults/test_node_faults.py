"""A node that is down, hung, broken or lying: typed errors, back at once when it is well again, nothing lost, nothing twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest

from provenance import worker
from provenance.chain import reading
from provenance.chain.registry import Registry
from provenance.chain.rpc import COMPARISON_SECONDS
from provenance.core.voucher import VoucherId
from provenance.errors import ChainUnavailable, ProvenanceError, Undetermined
from provenance.services.indexing import Indexing
from provenance.services.indexing.fetching import Fetching, Span
from provenance.services.submission import Submission
from tests.faults.anvil import Anvil
from tests.faults.conftest import NewWorld
from tests.faults.invariants import check
from tests.faults.proxy import NO_ANSWER, Mode, Proxy, wait_until
from tests.faults.reorging import snapshot
from tests.faults.world import World

BACK_WITHIN = 30.0


@pytest.fixture
def behind(new_world: NewWorld, proxy: Proxy) -> World:
    """A world that sees its node through the proxy, and gives up after a second."""
    return new_world(rpc_urls=[proxy.url], rpc_timeout=1)


def rounds(world: World, indexing: Indexing, submission: Submission, count: int) -> list[ProvenanceError]:
    """Whatever is not an error of ours goes through, and fails the test."""
    errors: list[ProvenanceError] = []
    for _ in range(count):
        for step in (indexing, submission):
            begin = time.monotonic()
            try:
                step.tick()
            except Undetermined as error:
                errors.append(error)
            assert time.monotonic() - begin < BACK_WITHIN
    return errors


def test_no_answer_is_an_error_of_ours_and_nothing_is_lost(behind: World, proxy: Proxy) -> None:
    """Every mode in turn, on one world: none may leave anything behind for the next."""
    batch, indexing, submission = behind.mint(len(NO_ANSWER)), behind.indexing(), behind.submission()
    for place, mode in enumerate(NO_ANSWER):
        behind.redeem(batch, place)
        with proxy.doing(mode):
            errors = rounds(behind, indexing, submission, 1)
        assert errors, f"{mode} was taken for an answer"
        rounds(behind, indexing, submission, 2)
    submission.close()
    behind.settle()
    assert check(behind).included == len(NO_ANSWER) + 1


SENDING = (Mode.LANDED_502, Mode.LANDED_RESET, Mode.HANG, Mode.RESET, Mode.NULL, Mode.ERROR, Mode.WRONG_ID, Mode.HTML)


def test_a_send_without_an_answer_is_repeated_with_the_same_bytes(behind: World, proxy: Proxy) -> None:
    batch, indexing, submission = behind.mint(len(SENDING)), behind.indexing(), behind.submission()
    for place, mode in enumerate(SENDING):
        behind.redeem(batch, place)
        with proxy.doing(mode, only=["eth_sendRawTransaction"]):
            rounds(behind, indexing, submission, 2)
        rounds(behind, indexing, submission, 2)
    submission.close()
    behind.settle()
    tally = check(behind)
    assert proxy.landed >= 2
    assert (tally.included, tally.transactions) == (len(SENDING) + 1, len(SENDING) + 1)


@pytest.mark.parametrize("mode", [Mode.EMPTY_LOGS, Mode.MISSING_LOG])
def test_logs_that_the_header_contradicts_are_not_believed(behind: World, proxy: Proxy, mode: Mode) -> None:
    batch = behind.mint(3)
    for place in range(3):
        behind.redeem(batch, place)
    submission, indexing, before = behind.submission(), behind.indexing(), snapshot(behind)["events"]
    submission.tick()
    wait_until(lambda: behind.anvil.number() > behind.cursor(), 5, "mined")
    with proxy.doing(mode, only=["eth_getLogs"]):
        for _ in range(3):
            with pytest.raises(ChainUnavailable, match="not all that its header holds"):
                indexing.tick()
    assert snapshot(behind)["events"] == before
    submission.close()
    behind.settle()
    check(behind)


def test_a_simulation_without_an_answer_refuses_nothing(behind: World, proxy: Proxy) -> None:
    """anvil answers `0x` for the state of a block that a deep reorg has taken from it."""
    behind.redeem(behind.mint(2), 0)
    submission = behind.submission()
    with proxy.doing(Mode.EMPTY_CALL, only=["eth_call"]), pytest.raises(ChainUnavailable, match="no answer"):
        submission.tick()
    submission.close()
    behind.settle()
    assert check(behind).included == 2


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that was dead a moment ago is compared with at once."""
    monkeypatch.setattr(reading, "REST_SECONDS", 0.0)


@pytest.mark.usefixtures("restless")
def test_endpoints_that_disagree_stop_the_index_and_raise_the_alarm(
    new_world: NewWorld, anvil: Anvil, proxy: Proxy
) -> None:
    """The second endpoint is only there to be compared with; while it is dead it says nothing."""
    world = new_world(rpc_urls=[anvil.url, proxy.url], rpc_timeout=1)
    with proxy.doing(Mode.RESET):
        batch = world.mint(2)
    world.redeem(batch, 0)
    submission, indexing, before = world.submission(), world.indexing(), snapshot(world)["events"]
    submission.tick()
    wait_until(lambda: world.anvil.number() > world.cursor(), 5, "mined")
    with proxy.doing(Mode.OTHER_HASH):
        with pytest.raises(ChainUnavailable, match="endpoints disagree"):
            indexing.tick()
        assert any("disagree" in alarm for alarm in world.services.status.alarms())
    assert snapshot(world)["events"] == before
    submission.close()
    world.settle()
    assert not world.services.status.alarms()
    assert check(world).included == 2


@pytest.mark.usefixtures("restless")
def test_blocks_read_ahead_are_compared_when_they_are_used(new_world: NewWorld, anvil: Anvil, proxy: Proxy) -> None:
    world = new_world(rpc_urls=[anvil.url, proxy.url], rpc_timeout=1)
    world.anvil.mine(40)
    fetching = Fetching(world.services.registry, 5)
    with proxy.doing(Mode.RESET):
        fetching.span(11, 30)
        assert fetching.ahead is not None
        fetching.ahead[1].result()
    with proxy.doing(Mode.OTHER_HASH), pytest.raises(ChainUnavailable, match="endpoints disagree"):
        fetching.span(16, 30)
    assert fetching.span(16, 30).blocks[0].number == 16
    fetching.close()


def test_what_could_not_be_read_ahead_is_read_when_it_is_needed(world: World) -> None:
    world.anvil.mine(40)
    fetching, failed = Fetching(world.services.registry, 5), Future[Span]()
    failed.set_exception(ChainUnavailable("gone for a moment"))
    fetching.ahead = 16, failed
    assert fetching.span(16, 30).blocks[0].number == 16
    fetching.close()


def test_a_dead_endpoint_beside_is_asked_once_and_then_left_alone(
    new_world: NewWorld, anvil: Anvil, proxy: Proxy
) -> None:
    world = new_world(rpc_urls=[anvil.url, proxy.url], rpc_timeout=5)
    batch = world.mint(1)
    voucher_id = VoucherId(batch.batch_id, 0)
    known = world.services.catalogue.certificate(voucher_id)[0]
    with proxy.doing(Mode.HANG):
        began = time.monotonic()
        verdicts = [world.services.verification.verify(voucher_id, None, known).verdict for _ in range(5)]
    assert verdicts == ["sealed"] * 5
    assert time.monotonic() - began < 2 * COMPARISON_SECONDS + 1


@pytest.mark.parametrize("junk", ["0x" + "00" * 32, "0x01", "0x" + f"{32:064x}" + f"{0:064x}"])
def test_junk_in_answer_to_a_view_is_no_verdict_and_no_failure(
    behind: World, monkeypatch: pytest.MonkeyPatch, junk: str
) -> None:
    voucher_id = VoucherId(behind.mint(1).batch_id, 0)
    known = behind.services.catalogue.certificate(voucher_id)[0]
    monkeypatch.setattr(Registry, "_call", lambda *_: bytes.fromhex(junk[2:]))
    assert behind.services.verification.verify(voucher_id, None, known).verdict == "undetermined"


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("lie", [Mode.OTHER_HASH, Mode.OTHER_BITS])
def test_endpoints_that_disagree_give_an_alarm_and_no_verdict(
    new_world: NewWorld, anvil: Anvil, proxy: Proxy, lie: Mode
) -> None:
    world = new_world(rpc_urls=[anvil.url, proxy.url], rpc_timeout=1)
    batch = world.mint(2)
    world.redeem(batch, 0)
    world.settle()

    def verdicts() -> list[str]:
        ids = [VoucherId(batch.batch_id, index) for index in (0, 1)]
        known = [(voucher_id, world.services.catalogue.certificate(voucher_id)[0]) for voucher_id in ids]
        return [world.services.verification.verify(voucher_id, None, own).verdict for voucher_id, own in known]

    honest = verdicts()
    assert honest == ["redeemed", "sealed"]
    with proxy.doing(lie):
        assert verdicts() == ["undetermined", "undetermined"]
        assert any("disagree" in alarm for alarm in world.services.status.alarms())
    with proxy.doing(Mode.RESET):  # one that is dead says nothing
        assert verdicts() == honest
        assert not world.services.status.alarms()
    assert verdicts() == honest


@pytest.mark.parametrize("manner", ["hung", "down"])
def test_an_outage_under_load_loses_nothing(behind: World, proxy: Proxy, manner: str) -> None:
    batch, stop = behind.mint(40), threading.Event()
    steps = [behind.indexing(), behind.submission()]
    thread = threading.Thread(target=worker.run, args=(steps, stop))
    thread.start()
    try:
        if manner == "hung":
            behind.anvil.pause()
        else:
            proxy.mode = Mode.RESET
        for place in range(40):
            behind.redeem(batch, place)
            time.sleep(0.05)
    finally:
        behind.anvil.go_on()
        proxy.mode = Mode.PASS
    took = wait_until(lambda: not behind.services.status.waiting(), BACK_WITHIN, "caught up after the outage")
    stop.set()
    thread.join(10)
    behind.settle()
    assert check(behind).included == 41
    assert took < BACK_WITHIN
