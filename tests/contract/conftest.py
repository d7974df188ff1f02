"""The registry on the embedded EVM: deployed once, every test starts from the same snapshot."""

from __future__ import annotations

import pytest
from eth_tester import EthereumTester, PyEVMBackend

from tests.contract.world import World


@pytest.fixture(scope="session")
def deployed() -> World:
    return World(EthereumTester(PyEVMBackend()))


@pytest.fixture
def world(deployed: World):
    snapshot = deployed.tester.take_snapshot()
    yield deployed
    deployed.tester.revert_to_snapshot(snapshot)
