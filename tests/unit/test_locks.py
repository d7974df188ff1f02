"""A lock is whole: what it installs needs nothing beyond it, so that it installs without resolving, for ever."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]
PYTHONS = ["3.11", "3.12", "3.13"]


def pinned(lock: str, python: str) -> dict[str, Requirement]:
    """What `lock` installs on `python`, by name."""
    lines = (line.split(" \\")[0] for line in (ROOT / lock).read_text().splitlines())
    found = (Requirement(line) for line in lines if line and line[0].isalnum())
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    kept = (pin for pin in found if pin.marker is None or pin.marker.evaluate(environment))
    return {canonicalize_name(pin.name): pin for pin in kept}


def missing(pins: dict[str, Requirement], python: str) -> Iterator[str]:
    """What the pinned packages' own metadata ask for, extras included, that no pin gives."""
    todo, seen = [(name, extra) for name, pin in pins.items() for extra in ("", *pin.extras)], set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen or name not in installed():
            continue
        seen.add((name, extra))
        for text in metadata.requires(name) or ():
            need = Requirement(text)
            environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
            if need.marker and not need.marker.evaluate(environment):
                continue
            found = pins.get(canonicalize_name(need.name))
            if found is None or not need.specifier.contains(next(iter(found.specifier)).version, prereleases=True):
                yield f"{name} needs {need}"
            todo += [(canonicalize_name(need.name), wanted) for wanted in need.extras]


def installed() -> set[str]:
    return {canonicalize_name(found.name) for found in metadata.distributions()}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_installs_without_resolving(lock, python):
    assert list(missing(pinned(lock, python), python)) == []


def test_a_lock_that_lacks_a_package_is_noticed():
    pins = pinned("requirements-dev.lock", "3.11")
    del pins["coverage"]
    assert any(line.startswith("pytest-cov needs coverage") for line in missing(pins, "3.11"))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_digest(lock):
    blocks = (ROOT / lock).read_text().split("\n")
    pins = [number for number, line in enumerate(blocks) if line and line[0].isalnum()]
    assert all("--hash=sha256:" in blocks[number + 1] for number in pins)
