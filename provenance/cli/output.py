"""How the command line speaks: text or --json, progress bars on a terminal, exit codes, plain errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from provenance import errors
from provenance.minting.progress import Progress, silent

YES, NO, UNDETERMINED, UNTRUSTED, USAGE, BAD_DATA, OUR_FAULT, IO_ERROR, NO_PERMISSION = 0, 1, 2, 3, 64, 65, 70, 74, 77
"""0 yes, 1 no, 2 could not be determined, 3 consistent with a registry that nobody named as trusted, 64 and up wrong use
(sysexits.h)."""

P = ParamSpec("P")


def json_option(command: Callable[P, None]) -> Callable[P, None]:
    """Gives a command --json; `show` looks it up."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        click.get_current_context().find_root().meta["json"] = bool(kwargs.pop("as_json"))
        command(*args, **kwargs)

    return wrapper


def wants_json() -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().meta.get("json"))


def show(value: Any, *lines: str) -> None:
    """`value` with --json, else the lines."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2) if wants_json() else "\n".join(lines))


def finish(code: int) -> NoReturn:
    click.get_current_context().exit(code)


def fail(error: errors.ProvenanceError) -> int:
    """One clear line on standard error (JSON with --json on standard output); the exit code."""
    if wants_json():
        click.echo(json.dumps({"error": {"code": error.code, "detail": error.detail, "field": error.field}}, indent=2))
    click.echo(f"provenance: {error.detail}", err=True)
    return exit_code(error)


def exit_code(error: errors.ProvenanceError) -> int:
    if isinstance(error, errors.Undetermined | errors.StorageUnavailable | errors.Halted):
        return UNDETERMINED
    if isinstance(error, errors.InvalidInput):
        return BAD_DATA
    if isinstance(error, errors.Unauthorized | errors.Forbidden):
        return NO_PERMISSION
    return NO


@contextmanager
def progress() -> Iterator[Progress]:
    """A callable (step, done, total) that draws bars with rate and time left on a terminal, and nothing in a pipe."""
    if not sys.stderr.isatty():
        yield silent
        return
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def update(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield update


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Any) -> Any:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")
