"""The tutorial as a newcomer types it: each command runs as written, and what is shown below it is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story.demo_process import DemoProcess

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps() -> Iterator[tuple[str, list[str]]]:
    """(commands, the lines that their output holds), as they follow each other on the page."""
    blocks = BLOCK.findall(TUTORIAL.read_text("utf-8"))
    for place, (kind, body) in enumerate(blocks):
        if kind == "sh":
            said = blocks[place + 1] if place + 1 < len(blocks) else ("sh", "")
            yield body, said[1].splitlines() if said[0] == "text" else []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, pages: None) -> Iterator[DemoProcess]:
    running = DemoProcess(tmp_path_factory.mktemp("tutorial")).start()
    yield running
    running.kill()


def test_every_step_does_what_the_page_says(demo):
    bin_ = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = demo.environment | {"PATH": bin_}
    for commands, said in steps():
        command = ["bash", "-euo", "pipefail", "-c", commands]
        done = subprocess.run(command, cwd=demo.folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{commands}\n{done.stderr}"
        output = done.stdout + done.stderr
        assert [line for line in said if line not in output] == [], f"{commands}\n{output}"
