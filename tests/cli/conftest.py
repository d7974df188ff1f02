"""The demo running in this process, and `provenance` called as a shell would, but without a new interpreter each time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provenance.cli import demo, main, server
from provenance.config import Settings
from provenance.core.voucher import VoucherKey


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of standard output is one JSON document."""
        return json.loads(self.out)


@dataclass
class Shell:
    """A folder to work in and an environment; `run` is one command line."""

    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: object, stdin: str = "", **environment: str) -> Outcome:
        with self.patch.context() as patch:
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            patch.setattr("sys.argv", ["provenance", *map(str, arguments)])
            patch.setattr("sys.stdin", io.StringIO(stdin))
            self.capture.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = self.capture.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)


@dataclass(frozen=True)
class Service:
    """What `provenance demo` starts, with its vouchers' keys; each test takes one that nobody else has."""

    folder: Path
    running: demo.Demo
    settings: Settings
    keys: list[VoucherKey]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATA_DIR": str(self.folder),
            "API_URL": self.running.api.url,
            "RPC_URL": self.running.node_server.url,
            "RPC_TIMEOUT": "5",
        }

    def address(self, role: str) -> str:
        return self.running.signers[role].address


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, watch: object) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "COUNT", 60)
        settings = Settings.read(
            {"DATA_DIR": str(folder), "PORT": "0", "RPC_URL": "http://127.0.0.1:0", "RATE_LIMIT": ""}
        )
        running = demo.start(settings)
        batch = demo.mint_demo_batch(running, settings)
        assert demo.mint_demo_batch(running, settings).batch == batch.batch  # a second start finds it
    with batch.key_file.open(newline="") as file:
        keys = [VoucherKey.parse(row["key"]) for row in csv.DictReader(file)]
    yield Service(folder, running, settings, keys)
    running.close()
    running.services.registry.rpc.close()


@pytest.fixture
def shell(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "configure_logs", lambda: None)  # this process's log is watched for secrets
    return Shell(monkeypatch, capsys, service.environment)


@pytest.fixture
def key(service: Service) -> VoucherKey:
    return service.keys.pop()
