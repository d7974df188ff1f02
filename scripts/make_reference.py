"""Writes docs/reference: the command line and the API as the program itself tells them. `--check` compares instead."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from provenance.cli.main import cli  # noqa: E402 (needs the path above)

REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/make_reference.py; edit the program, not this page. -->\n\n"


def command_line() -> str:
    """Every command's own help, in the order of a voucher's life."""
    root = click.Context(cli, info_name="provenance")
    return NOTE + "# The command line\n\n" + "\n".join(_help(cli, root, 1))


def _help(command: click.Command, context: click.Context, depth: int) -> list[str]:
    with context:
        lines = [f"{'#' * (depth + 1)} `{context.command_path}`\n", "```text", command.get_help(context), "```\n"]
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                if child is not None:
                    lines += _help(child, click.Context(child, info_name=name, parent=context), min(depth + 1, 3))
    return lines


def interface() -> str:
    """Every route: what it is for, who may call it, what it answers."""
    lines = [
        NOTE + "# The API\n",
        "The whole document, with every field, is at `/docs` of a running service (OpenAPI 3.1).\n",
    ]
    lines += ["| route | what for | key | answers |", "| --- | --- | --- | --- |"]
    for path, methods in sorted(document()["paths"].items()):
        for method, found in methods.items():
            key = "needed" if found.get("security") else ""
            answers = ", ".join(sorted(found["responses"]))
            lines.append(f"| `{method.upper()} {path}` | {found.get('summary', '')} | {key} | {answers} |")
    return "\n".join(lines) + "\n"


def document() -> dict[str, Any]:
    """The OpenAPI document of an application that has nothing behind it."""
    from api import create_app
    from provenance import wiring
    from provenance.config import Settings

    with tempfile.TemporaryDirectory() as folder:
        found = Settings.read({"DATA_DIR": folder, "REGISTRY": "0x" + "11" * 20})
        database = wiring.open_database(found)
        try:
            answer = create_app(wiring.build_services(found, database)).test_client().get("/docs/openapi.json")
        finally:
            database.close()
    told: dict[str, Any] = json.loads(answer.data)
    return told


PAGES = {"command-line.md": command_line, "api.md": interface}


def main() -> None:
    stale = []
    for name, write in PAGES.items():
        path, text = REFERENCE / name, write()
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        sys.exit(f"stale: {', '.join(stale)}; run python scripts/make_reference.py")


if __name__ == "__main__":
    main()
