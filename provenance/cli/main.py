"""The table of contents: every command, in the order of a voucher's life."""

from __future__ import annotations

import sys
from typing import Any

import click

from provenance.cli import audit, batches, demo, directory, minting, server, vouchers
from provenance.cli.output import USAGE, fail
from provenance.errors import ProvenanceError


class Contents(click.Group):
    """Commands in the order in which they were added; our own errors become one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProvenanceError as error:
            ctx.exit(fail(error))


@click.group(cls=Contents, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="voucher-provenance")
def cli() -> None:
    """Vouchers whose origin and life anyone can check on a chain.

    Exit codes: 0 yes, 1 no, 2 could not be determined, 64 and up wrong use.
    """


for command in (
    *server.COMMANDS,
    *directory.COMMANDS,
    minting.mint,
    vouchers.certificate,
    vouchers.verify,
    vouchers.transfer,
    vouchers.redeem,
    batches.revoke,
    batches.suspend,
    vouchers.history,
    audit.audit,
    demo.demo,
):
    cli.add_command(command)


def main() -> None:
    """The entry point. click's own code for wrong use is 2, which here means "could not be determined"."""
    click.UsageError.exit_code = USAGE
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
