"""What goes wrong when a process is started is said in one line, with what to do."""

from __future__ import annotations

import os
import resource
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.cli import starting
from provenance.config import Settings
from provenance.errors import InvalidInput
from tests.story.demo_process import DemoProcess, free_port


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    own = {"DATA_DIR": str(tmp_path / "var"), "PORT": str(free_port()), "RPC_URL": f"http://127.0.0.1:{free_port()}"}
    return {**os.environ, **own}


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held.getsockname()[1]


def start(environment, *arguments, **options):
    command = [sys.executable, "-m", "provenance", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, **options)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line; an exit code of 1 would mean "no", which is for verdicts."""
    assert done.returncode > 1, done.stderr
    [line] = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", ["demo", "node"])
def test_a_taken_chain_port_is_named(environment, taken, command):
    line = said(start(environment | {"RPC_URL": f"http://127.0.0.1:{taken}"}, command))
    assert f"port {taken} at 127.0.0.1 is taken" in line
    assert "choose another" in line


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_taken_port_of_the_service_is_named(environment, taken, command):
    registry = {"REGISTRY": "0x" + "11" * 20} if command == "serve" else {}
    done = start(environment | {"PORT": str(taken), **registry}, command)
    assert f"port {taken} at 127.0.0.1 is taken" in said(done)


def test_a_second_start_on_the_same_folder_says_who_has_it(environment, tmp_path, pages):
    demo = DemoProcess(tmp_path).start()
    try:
        line = said(start(environment, "demo"))
    finally:
        demo.kill()
    assert f"{tmp_path / 'var' / 'chain.db'} is in use by another node" in line


@pytest.mark.parametrize("command", ["demo", "node"])
def test_a_folder_that_cannot_be_written_is_named(environment, command):
    line = said(start(environment | {"DATA_DIR": "/sys/provenance"}, command))
    assert "/sys/provenance" in line
    assert "DATA_DIR" in line


@pytest.mark.parametrize("command", ["demo", "node"])
def test_a_full_disk_is_said(environment, command):
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    line = said(start(environment, command, preexec_fn=little_room))
    assert "chain.db" in line
    assert "DATA_DIR" in line


def test_a_chain_is_not_started_where_rpc_url_means_another_machine(environment):
    line = said(start(environment | {"RPC_URL": "https://node.example"}, "demo"))
    assert "RPC_URL is node.example" in line


@pytest.mark.parametrize(("url", "port"), [("http://127.0.0.1:9999", 9999), ("http://localhost:1", 1)])
def test_the_chain_listens_where_rpc_url_says(url, port):
    assert starting.node_port(Settings.read({"RPC_URL": url})) == port


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "ftp://localhost", "http://[::1]:7", "nonsense"])
def test_an_rpc_url_that_is_no_local_http_address_is_refused(url):
    with pytest.raises(InvalidInput, match="RPC_URL"):
        starting.node_port(Settings.read({"RPC_URL": url}))


def test_the_welcome_prints_commands_that_work_in_another_terminal(tmp_path, pages):
    """As a person copies them, into a shell that knows nothing of this one's settings."""
    demo = DemoProcess(tmp_path).start()
    try:
        lines = [line.strip() for line in demo.log.read_text().splitlines() if line.startswith("  ")]
        assert [line.split()[0] for line in lines[:1]] == ["export"]
        bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = "\n".join(["set -e", *lines])
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=120
        )
    finally:
        demo.kill()
    assert done.returncode == 0, done.stderr
    assert "is redeemed" in done.stdout


@pytest.mark.parametrize(
    ("started", "on_path", "printed"),
    [
        ("{cwd}/.venv/bin/provenance", "", ".venv/bin/provenance"),
        ("{cwd}/bin dir/provenance", "", "'bin dir/provenance'"),
        ("{cwd}/.venv/bin/provenance", "{cwd}/.venv/bin", "provenance"),
        ("/x/provenance/__main__.py", "", f"{shlex.quote(sys.executable)} -m provenance"),
    ],
)
def test_the_command_to_type_is_the_one_that_was_started(tmp_path, monkeypatch, started, on_path, printed):
    path = Path(started.format(cwd=tmp_path))
    if path.name == "provenance":
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setenv("PATH", on_path.format(cwd=tmp_path) or "/nowhere")
    assert starting.own_command() == printed
