"""kill -9 of the worker and of the indexer: nothing lost, nothing sent twice. The control, which sends first, must fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import NewWorld
from tests.faults.killing import INDEXER_POINTS, SUBMITTER_POINTS, Campaign, IndexerCampaign
from tests.faults.nursery import Nursery
from tests.faults.world import World


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    opened = Nursery(tmp_path_factory.mktemp("nursery"))
    yield opened
    opened.close()


def test_killed_at_random_it_loses_and_doubles_nothing(
    new_world: NewWorld, nursery: Nursery, tmp_path: Path, database_url: str
) -> None:
    campaign = Campaign(new_world(database_url), nursery, tmp_path)
    batch = campaign.world.mint(300)
    campaign.at_random(batch, 12)
    tally = campaign.finish()
    assert campaign.kills == 12
    assert tally.included == campaign.fed + 1
    assert tally.doubled == 0


def test_killed_at_each_fail_point_it_loses_and_doubles_nothing(
    new_world: NewWorld, nursery: Nursery, tmp_path: Path
) -> None:
    campaign = Campaign(new_world(), nursery, tmp_path)
    batch = campaign.world.mint(1000)
    for point in SUBMITTER_POINTS:
        campaign.at_point(batch, point, 1)
    tally = campaign.finish()
    assert campaign.struck == dict.fromkeys(SUBMITTER_POINTS, 1), "every fail point was reached"
    assert tally.included == campaign.fed + 1


def test_a_sender_that_notes_afterwards_doubles(new_world: NewWorld, nursery: Nursery, tmp_path: Path) -> None:
    """The control: were it to pass, the campaign would prove nothing."""
    campaign = Campaign(new_world(), nursery, tmp_path, part="naive")
    batch = campaign.world.mint(1000)
    while not campaign.doubled() and campaign.kills < 20:
        campaign.at_point(batch, "naive.sent", 1)
    assert campaign.doubled(), f"{campaign.kills} kills and no double: the kills do not strike"


def test_a_killed_indexer_equals_a_fresh_one(world: World, nursery: Nursery, tmp_path: Path) -> None:
    campaign = IndexerCampaign(world, nursery, tmp_path)
    campaign.strike(6)
    for point in INDEXER_POINTS:
        campaign.strike_point(point, 1)
    campaign.finish()
    assert campaign.reorgs
    assert all(campaign.struck[point] for point in INDEXER_POINTS), "every fail point was reached"
