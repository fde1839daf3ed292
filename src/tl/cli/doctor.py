"""`tl doctor`: whether this machine is ready."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look whether this machine is ready: versions, device, disk, extras, weights; exit 2 if something is broken."""
    from dataclasses import asdict

    from tl.cli.printing.doctor import print_findings
    from tl.cli.printing.json_output import print_json
    from tl.commands.doctor import doctor as examine_machine

    found = examine_machine()
    broken = any(finding.state == "broken" for finding in found)
    if json:
        print_json({"ok": not broken, "findings": [asdict(finding) for finding in found]})
    else:
        print_findings(found)
    if broken:
        raise typer.Exit(2)
