"""Write the tables of recipes/README.md from the recipe folder; with --check, only say whether they are up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tl.recipe.registry import GROUPS, RECIPES, first_line, options, shipped_recipes
from tl.recipe.signature import signature

README = Path(__file__).parents[1] / "recipes" / "README.md"
BEGIN, END = "<!-- catalogue -->", "<!-- end of catalogue -->"


def pages() -> list[str]:
    """The how-to pages by their titles, each a link."""
    found = sorted((RECIPES / "howto").glob("*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in found]
    return [
        "### How-to pages",
        "",
        *(f"- [{title}](howto/{path.name})" for title, path in zip(titles, found, strict=True)),
    ]


def catalogue() -> str:
    """The how-to pages, the shipped recipes, then each group's options with their keys."""
    lines = [*pages(), "", "### Recipes", "", "| recipe | what for |", "|---|---|"]
    for name, path in shipped_recipes().items():
        lines.append(f"| `{name}` | {first_line(path)} |")
    for group in GROUPS:
        lines += ["", f"### {group}", "", "| option | what it is | keys |", "|---|---|---|"]
        for option in options(group).values():
            keys = ", ".join(f"`{key}`" for key in signature(option.source, option.module).record.fields)
            lines.append(f"| `{option.name}` | {option.what()} | {keys} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and end with 1 where something would change"
    )
    check = parser.parse_args().check
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n\n{catalogue()}\n\n{END}{after}"
    if check:
        if new != text:
            print(f"{README.relative_to(Path.cwd())} is out of date: run make catalogue")
        return int(new != text)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    assert RECIPES.is_dir()
    sys.exit(main())
