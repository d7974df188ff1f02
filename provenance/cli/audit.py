"""audit: database against chain, exit 1 with the list of differences."""

from __future__ import annotations

from dataclasses import asdict

import click

from provenance import wiring
from provenance.cli.options import settings
from provenance.cli.output import NO, YES, finish, json_option, progress, show
from provenance.cli.starting import open_database


@click.command()
@json_option
def audit() -> None:
    """Rebuild every tree, fold every event again, compare with the chain."""
    found = settings()
    services = wiring.build_services(found, open_database(found))
    with progress() as bars:
        report = services.audit.run(bars)
    what = (
        f"{report.batches} batches ({report.leaves} leaves), {report.events} events, {report.vouchers} moved vouchers"
    )
    lines = [
        f"{d.row}: {d.detail}\n  expected {d.expected:.120}\n  found    {d.found:.120}" for d in report.differences
    ]
    word = "and the chain tell one story" if not lines else f"and the chain differ in {len(lines)} places"
    uncovered = f"Not compared, since the chain does not know it: {', '.join(report.not_covered)}."
    show(asdict(report), *lines, f"Database {word}: {what}, at block {report.block}.", uncovered)
    finish(NO if report.differences else YES)
