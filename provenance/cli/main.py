"""The table of contents: every command, in the order of a voucher's life."""

from __future__ import annotations

import errno
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from provenance.cli.output import IO_ERROR, OUR_FAULT, USAGE, fail
from provenance.errors import ProvenanceError

CONTENTS = {
    "node": "server:node_command",
    "serve": "server:serve_command",
    "worker": "server:worker_command",
    "registry": "registry:registry_group",
    "apikey": "keys:apikey_group",
    "key": "keys:key_group",
    "brand": "directory:brand",
    "supplier": "directory:supplier",
    "redeemer": "directory:redeemer",
    "mint": "minting:mint",
    "labels": "labels:labels",
    "certificate": "vouchers:certificate",
    "verify": "vouchers:verify",
    "transfer": "vouchers:transfer",
    "redeem": "vouchers:redeem",
    "revoke": "batches:revoke",
    "suspend": "batches:suspend",
    "history": "vouchers:history",
    "audit": "audit:audit",
    "demo": "demo:demo",
}
"""Command -> where it is, in the order of a voucher's life. Loaded when asked for: verifying needs no EVM and no Flask."""


class Contents(click.Group):
    """Our own errors become one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(CONTENTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in CONTENTS:
            return None
        module, _, name = CONTENTS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"provenance.cli.{module}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProvenanceError as error:
            ctx.exit(fail(error))


@click.group(cls=Contents, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="voucher-provenance")
def cli() -> None:
    """Vouchers whose origin and life anyone can check on a chain.

    Exit codes: 0 yes, 1 no, 2 could not be determined, 3 only consistent (no registry to trust was named), 64 and up wrong use.
    """


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
    except OSError as error:  # a file that cannot be read or written, a port that is taken
        click.echo(f"provenance: {describe(error)}", err=True)
        sys.exit(IO_ERROR)
    except Exception:  # Python's own code for this is 1, which here means "no"
        traceback.print_exc()
        sys.exit(OUR_FAULT)


def describe(error: OSError) -> str:
    """One line: what could not be done to which file, and what to do."""
    if not error.filename:
        return str(error)
    remedy = REMEDIES.get(error.errno or 0)
    return f"{error.filename}: {error.strerror}" + (f"; {remedy}" if remedy else "")


ELSEWHERE = "choose another place (DATA_DIR is where this program keeps everything)"
REMEDIES = {
    errno.ENOSPC: f"make room there, or {ELSEWHERE}",
    errno.EROFS: f"it cannot be written; {ELSEWHERE}",
    errno.EPERM: f"this user may not use it; {ELSEWHERE}",
    errno.EACCES: f"this user may not use it; {ELSEWHERE}",
}
