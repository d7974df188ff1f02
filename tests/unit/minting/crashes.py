"""Kills `prepare` at every durable step and every report of progress, runs it again, and checks what there is.

Run by test_workspace.py in a process of its own, because it forks: `python -m tests.unit.minting.crashes DIR [identity]`.
Prints the number of places where it was killed.
"""

import itertools
import os
import sys
from pathlib import Path

import numpy as np
import pyrage

from provenance.minting import workspace
from provenance.minting.contents import Contents
from tests.unit.minting.batches import check, plan, sign, snapshot

KILLED = 9
STEPS = ("open", "fsync", "rename", "unlink", "mkdir")
drawn = []


def draw_known_secrets(count):
    """Each run draws others, as the system would; here they are remembered."""
    secrets = np.frombuffer(bytearray(os.urandom(16 * count)), np.uint8).reshape(count, 16)
    drawn.append(secrets.tobytes())
    return secrets


def die_at(place):
    """From now on the process ends, as by kill -9, when it comes to the `place`-th step; the step is not done."""
    steps = itertools.count()

    def step():
        if next(steps) == place:
            os._exit(KILLED)

    def dying(function):
        def call(*arguments, **options):
            step()
            return function(*arguments, **options)

        return call

    for name in STEPS:
        setattr(os, name, dying(getattr(os, name)))
    return lambda *_: step()


def run(wanted, directory, place):
    """Prepare in a child that dies at `place`; whether it did, and the secrets that it drew."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        progress = die_at(place)

        def tell(count):
            secrets = draw_known_secrets(count)
            os.write(writing, secrets.tobytes())
            return secrets

        workspace.draw_secrets = tell
        workspace.prepare(wanted, directory, sign, progress)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        secrets = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED, secrets


def check_crash(wanted, directory, secrets, identity):
    """What a crash left, and what a second run makes of it."""
    left = snapshot(directory)
    if identity:
        words = [secrets[i : i + 16] for i in range(0, len(secrets), 16)]
        assert not any(word in body for word in words for body in left.values()), "a secret in the clear"
    workspace.prepare(wanted, directory, sign)
    after = check(directory, wanted, identity)
    decided = [name for name in ("secrets.bin", "keys.csv", "keys.csv.age") if name in left]
    if decided:
        assert b"".join(after) == secrets, f"another batch, though {decided} was there"
    for name in set(left) & {"keys.csv", "keys.csv.age", "mint.json", "plan.json"}:
        assert (directory / name).read_bytes() == left[name], f"{name} was written twice"
    return bool(decided)


def main(parent, identity=None):
    recipients = (str(pyrage.x25519.Identity.from_str(identity).to_public()),) if identity else ()
    texts = Contents(f"卡号 {i}" for i in range(12))
    wanted = plan(count=12, contents=texts, recipients=recipients)
    outcomes = []
    for place in itertools.count():
        directory = parent / str(place)
        killed, secrets = run(wanted, directory, place)
        if not killed:
            check(directory, wanted, identity)
            break
        outcomes.append(check_crash(wanted, directory, secrets, identity))
    assert set(outcomes) == {False, True}
    print(len(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
