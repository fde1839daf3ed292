"""Recipes and tables made at random: whatever is typed, `tl` answers with 0, or with 2 and a sentence.

python -m tests.faults.fuzz --minutes 10 goes on for so long, each round from another seed, and prints what it found.
"""

from __future__ import annotations

import argparse
import copy
import csv
import io
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.watched import Told
from tl.recipe.registry import RECIPES, options

SHORT = ["loop.length=1step", "loop.batch=4", "loop.device_batch=4", "loop.device=cpu", "loop.bootstrap=2"]
SHORT += ["cache.use=never", "loop.workers=0"]
TABLE = ["data=table", "backbone=tiny_text", *SHORT]
STEP_EVERY = 12
Tree = dict[str, Any]

WORDS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "null", "~", "yes", "no", "on", "1e5", "0x1f", "1:30", ".nan", ".inf", "-", "???", "${loop.batch}", "${",
     "${oc.env:HOME}", "${a.b}", "$", "{x}", "%s", "../..", "/", "~root", "auto", "3ep", "-1step", "0step", "101%",
     "none", "hub:a/b", "hub:", "package:", "package:os/x", "*a", "&a", "!!x", "a: b", "[", "{", "\x00", "\x1b[2J",
     "\u202e", "ü", "漢字", "🙂", "a\nb", "'", '"', "_target_", "<<", "a" * 300, "tiny_text", "linear", "base"]
)  # fmt: skip
NUMBERS = st.integers(-3, 40) | st.integers() | st.floats() | st.sampled_from([10**30, -(2**63), 2**63, 1e-320, 1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=3),
    max_leaves=5,
)


def _shipped() -> list[Tree]:
    """The shipped recipes, and a short one that runs."""
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(RECIPES.glob("*.yaml"))]
    short = {"defaults": ["base", {"data": "tiny_sentences"}, {"backbone": "tiny_text"}], "data": {"n": 30}}
    return [*found, short, {**short, "loop": {"length": "1step", "batch": 4}, "head": {"init": "random"}}]


SHIPPED = _shipped()
KEYS = sorted({key for tree in SHIPPED for key in tree} | {"head", "freeze", "augment", "method", "cache", "name"})
CHOICES = [{group: name} for group in ("data", "backbone", "head", "freeze", "method") for name in options(group)]


@st.composite
def recipes(draw: st.DrawFn) -> bytes:
    """A shipped recipe with some things changed, as a file."""
    tree = copy.deepcopy(draw(st.sampled_from(SHIPPED)))
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 4]))):
        _mutate(draw, tree)
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=200))
    text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    if draw(st.integers(0, 3)) == 0:
        place, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 5))
        text = text[:place] + draw(WORDS) + text[place + cut :]
    return text.encode("utf-8", "surrogatepass")


def _mutate(draw: st.DrawFn, tree: Tree) -> None:
    node: Any = tree
    while isinstance(node, dict) and node and draw(st.booleans()):
        inner = node[draw(st.sampled_from(list(node)))]
        if not isinstance(inner, dict):
            break
        node = inner
    keys = list(node) if isinstance(node, dict) else []
    match draw(st.integers(0, 5)):
        case 0 if keys:
            del node[draw(st.sampled_from(keys))]
        case 1 if keys:
            node[draw(st.sampled_from(keys))] = draw(VALUES)
        case 2 if keys:
            key = draw(st.sampled_from(keys))
            node[f"{key}x" if draw(st.booleans()) else str(key)[1:]] = node.pop(key)
        case 3:
            before = tree.get("defaults")
            tree["defaults"] = [*(before if isinstance(before, list) else []), draw(st.sampled_from(CHOICES) | VALUES)]
        case 4:
            node[draw(st.sampled_from(KEYS) | WORDS)] = draw(VALUES)
        case _:
            tree["defaults"] = draw(VALUES | st.just(["base"]))


@st.composite
def overrides(draw: st.DrawFn) -> list[str]:
    """Words of a command line: overrides, and what a slip of the hand makes of them."""
    keys = ["loop.batch", "data.n", "head", "head.init", "optimizer.lr", "backbone.weights", "data.split.val", "seed"]
    known = st.sampled_from([*keys, "loop", "name", "cache.folder", "freeze", "data.classes", "defaults"]) | WORDS
    plain = st.tuples(
        st.sampled_from(["", "", "", "+", "++", "~", "="]), known, st.sampled_from(["=", "=", "==", "", ":="])
    )
    odd = st.sampled_from(
        ["[1", "1,2", "{a:1}", "'x", '"', "[[[[", "$(x)", "${x:1}", "9" * 5000, "x" * 20000, "\\", "(", ","]
    )
    values = WORDS | odd | NUMBERS.map(str) | VALUES.map(lambda value: json.dumps(value, ensure_ascii=False))
    found = draw(st.lists(st.tuples(plain, values), max_size=3))
    return ["".join((*left, value)).replace("\0", "0") for left, value in found]


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, bytes]:
    """A table's name and bytes: anything at all, or rows of which some are odd."""
    ending = draw(st.sampled_from([*[".csv"] * 6, *[".jsonl"] * 4, ".tsv", ".tsv", ".csv.gz", ".parquet", ".txt"]))
    if draw(st.integers(0, 9)) == 0:
        return f"x{ending}", draw(st.binary(max_size=300))
    cells = WORDS | NUMBERS.map(str) | st.sampled_from(["a", "b", "a", "b", "some words"])
    count = draw(st.sampled_from([0, 3, 12, 24, 24, 40]))
    rows = [[f"words {n}", "ab"[n % 2]] for n in range(count)]
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
        row = draw(st.lists(cells, min_size=0, max_size=3)) if draw(st.booleans()) else [draw(cells), draw(cells)]
        rows.insert(draw(st.integers(0, len(rows))), row)
    header = draw(st.sampled_from([["text", "label"]] * 24 + [["text", "text"], ["text"], ["label", "text", ""], []]))
    return f"x{ending}", _written(draw, ending, header, rows)


def _written(draw: st.DrawFn, ending: str, header: list[str], rows: list[list[str]]) -> bytes:
    if ending == ".jsonl":
        objects: list[Any] = [dict(zip(("text", "label"), row, strict=False)) for row in rows]
        for _ in range(draw(st.integers(0, 2))):
            objects.insert(0, draw(VALUES | st.fixed_dictionaries({"text": VALUES, "label": VALUES})))
        return "\n".join(json.dumps(one) for one in objects).encode("utf-8", "surrogatepass")
    text = io.StringIO()
    quoting = draw(st.sampled_from([*[csv.QUOTE_MINIMAL] * 4, csv.QUOTE_ALL, csv.QUOTE_NONE]))
    delimiter = draw(st.sampled_from([*[","] * 12, ";", "\t"])) if ending != ".tsv" else "\t"
    if quoting == csv.QUOTE_NONE:
        text.write("\n".join(delimiter.join(row) for row in [header, *rows]))
    else:
        csv.writer(text, delimiter=delimiter, quoting=quoting).writerows([header, *rows])
    coding = draw(st.sampled_from([*["utf-8"] * 12, "utf-8-sig", "utf-16", "latin-1"]))
    return text.getvalue().encode(coding, "replace" if coding == "latin-1" else "surrogatepass")


TARGETS = st.sampled_from(
    [["data.label=label"]] * 12
    + [
        ["data.labels=label"],
        ["data.numbers=[label]"],
        ["data.label_columns=[label]"],
        ["data.label=label", "data.id=text"],
    ]
    + [["data.label=label", "data.on_error=skip"], ["data.label=label", "data.pair=label"], ["data.label=lable"]]
)


class Bug(AssertionError):
    """A command ended otherwise than with 0, or 2 and words."""


def answer(*words: str) -> int:
    """The exit code of a command in this process; Bug with the traceback where it ended in one."""
    from accelerate.state import AcceleratorState

    from tl.cli.app import run_command

    AcceleratorState._reset_state(True)
    before, said = sys.argv, io.StringIO()
    sys.argv = ["tl", *words]
    code, text = 1, ""
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code, text = run_command()
    finally:
        sys.argv = before
    if code not in (0, 2) or (code == 2 and not text) or "Traceback" in said.getvalue():
        raise Bug(f"{words}: {code} {text}")
    return code


class Places:
    """Files that change from one example to the next, and how commands ended."""

    def __init__(self, root: Path) -> None:
        self.root, self.codes, self.count = root, Counter[str](), 0

    def check(self, *words: str) -> int:
        code = answer("check", *words)
        self.codes[f"check {code}"] += 1
        return code

    def recipe(self, content: bytes, changes: list[str]) -> None:
        """A recipe is checked; every so often one in which nothing is wrong is shown too, or one with overrides."""
        self.count += 1
        file = self.root / "mine.yaml"
        file.write_bytes(content)
        code = self.check("--", str(file))
        if code == 0 or self.count % STEP_EVERY == 0:
            self.codes[f"show {answer('show', str(file))}"] += 1
        if changes:
            self.check("--", "tiny_texts" if self.count % 2 else str(file), *changes)

    def table(self, table: tuple[str, bytes], target: list[str]) -> None:
        """A table is checked; every so often it is trained on for a step, and the run predicts for its lines."""
        self.count += 1
        name, content = table
        file = self.root / name
        file.write_bytes(content)
        words = ["base", *TABLE, f"data.file={file}", "data.text=text", *target]
        code = self.check(*words)
        if self.count % STEP_EVERY == 0 or (code == 0 and self.count % 3 == 0):
            self._step(words, content)

    def _step(self, words: list[str], content: bytes) -> None:
        runs = self.root / "runs" / str(self.count)
        code = answer("finetune", *words, "--runs", str(runs), "--json")
        self.codes[f"finetune {code}"] += 1
        for run in runs.glob("*/*"):
            lines = [line for line in content.decode("utf-8", "replace").replace("\0", "").splitlines() if line][:5]
            known = f"data.{'pair' if any('pair' in word for word in words) else 'label'}"
            texts = [f"{line}\t{known}" for line in lines] if known == "data.pair" else lines
            self.codes[f"predict {answer('predict', str(run), '--', *texts)}"] += 1


def fuzz(places: Places, number: int | None, examples: int) -> list[tuple[str, Callable[[], None]]]:
    """The two searches: derandomised where there is no number."""
    chosen = settings(
        max_examples=examples, deadline=None, database=None, derandomize=number is None,
        phases=[Phase.generate, Phase.shrink] if number is None else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    one = chosen(given(recipes(), overrides())(places.recipe))
    two = chosen(given(tables(), TARGETS)(places.table))
    return [
        (name, seed(number)(test) if number is not None else test) for name, test in (("recipe", one), ("table", two))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    until, number, bugs, examples = time.monotonic() + 60 * given_.minutes, given_.seed, Counter[str](), 0
    with TemporaryDirectory() as root:
        os.environ["TL_CACHE"] = f"{root}/cache"
        places = Places(Path(root))
        while time.monotonic() < until:
            before = places.count
            for _, test in fuzz(places, number, 40):
                with Told() as told:
                    test()
                if told.trace:
                    text = told.trace.strip().rpartition("\n")[2][:300]
                    bugs[text] += 1
                    print(told.trace if bugs[text] == 1 else "", end="", flush=True)
            examples, number = examples + places.count - before, number + 1
        print(f"{examples} examples in {number - given_.seed} rounds: {dict(sorted(places.codes.items()))}")
    print(f"{sum(bugs.values())} tracebacks")
    for text, count in bugs.most_common():
        print(f"{count:5} {text}")
    sys.exit(bool(bugs))


if __name__ == "__main__":
    main()
