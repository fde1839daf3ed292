"""The section that says how the model of a run is used."""

from __future__ import annotations

from tl.report.blocks import paragraph, section, subheading
from tl.report.facts import Facts
from tl.report.words import esc


def usage(facts: Facts) -> str:
    """Commands for the shell, each with what it is for, and a program in Python; nothing where none is known."""
    known = facts.usage
    if known is None:
        return ""
    lines = "".join(f"<i># {esc(purpose)}</i>\n{esc(command)}\n" for command, purpose in known.commands)
    shell = f'<pre class="command"><code>{lines}</code></pre>'
    python = f'<pre class="command"><code>{esc(known.python)}</code></pre>'
    lead = "The run's folder holds all that it takes: weights, label map and preprocessing. Copy it as a whole."
    return section("usage", "How to use this model", paragraph(lead, "lead"), shell, subheading("In Python"), python)
