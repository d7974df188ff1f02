"""The command line: reads arguments, calls clients and services, prints. Decides nothing about vouchers itself."""

from provenance.cli.main import main

__all__ = ["main"]
