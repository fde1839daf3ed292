"""`tl explain`: what a key, an option or a group means."""

from __future__ import annotations

from typing import Annotated

import typer

from tl.cli.flags import AsJson


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    key: Annotated[
        str,
        typer.Argument(
            help="A key, option, group, metric, word or code, such as optimizer.lr, macro_f1, phase or E017."
        ),
    ],
    json: AsJson = False,
) -> None:
    """Explain a key (what it does and takes, its default, who sets it), a word, a metric or the code of a mistake."""
    from tl.cli.printing.explain import explanations_as_json, print_explanations
    from tl.cli.printing.json_output import print_json
    from tl.commands.explain import explain as find_explanations

    found = find_explanations(key)
    if json:
        print_json(explanations_as_json(found))
    else:
        print_explanations(found)
