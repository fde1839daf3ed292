"""Recipes: how files, options and overrides compose, and what the user is told where they do not."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tl.commands import explain as reference
from tl.errors import Mistakes, TLError
from tl.recipe.compose import compose
from tl.recipe.recipe import Recipe, load
from tl.recipe.registry import GROUPS, RECIPES, Option, options, shipped_recipes
from tl.recipe.yamlfile import dump, flow, read, shown

Write = Callable[..., str]
Plugin = Callable[[str], subprocess.CompletedProcess[str]]
SMALL = ["data=tiny_shapes"]
ALL = [option for group in GROUPS for option in options(group).values()]
GIVEN = {"a path": ".", "a path or null": ".", "a text": "x"}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """write(text, name) puts a recipe into an empty folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)

    def put(text: str, name: str = "mine.yaml") -> str:
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
        return name

    return put


def mistakes(reference: str, *overrides: str) -> list[str]:
    with pytest.raises(TLError) as caught:
        load(reference, list(overrides))
    return str(caught.value).splitlines()


def required(option: Option) -> list[str]:
    """Overrides that give a value to every key that the option leaves to the recipe."""
    keys = reference.entry(option).keys
    return [f"{key.name}={GIVEN[key.takes]}" for key in keys if key.default == "must be given"]


def loaded(*overrides: str, story: str = "base") -> Recipe:
    """The recipe; the test is skipped where nothing is wrong with it but a package that an extra brings."""
    try:
        return load(story, list(overrides))
    except Mistakes as error:
        if all("is not installed" in text for text in error.mistakes):
            pytest.skip(str(error))
        raise


def commanded(name: str) -> list[str]:
    """The overrides of the command in a shipped recipe's header."""
    line = shipped_recipes()[name].read_text(encoding="utf-8").splitlines()[1]
    assert line.startswith(f"# Run: tl finetune {name}"), line
    return [word.rstrip(".") for word in shlex.split(line) if "=" in word]


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name != "base"])
def test_every_shipped_recipe_binds_with_the_command_of_its_header(name: str) -> None:
    recipe = loaded(*commanded(name), story=name)
    assert recipe.name == name
    assert recipe.notes == ()


def test_every_option_is_used_by_a_shipped_recipe() -> None:
    chosen = [compose(name, []).choices for name in shipped_recipes() if name != "base"]
    used = {(group, name) for choices in chosen for group, name in choices.items()}
    assert used == {(option.group, option.name) for option in ALL if option.yaml.is_relative_to(RECIPES)}


def test_a_recipe_that_names_no_data_says_which_key_is_missing() -> None:
    (text,) = mistakes("images")
    place = shown(RECIPES / "images.yaml")
    assert re.fullmatch(rf"{re.escape(place)}:\d+: data\.root has no value: the recipe must give a path\.", text)


@pytest.mark.parametrize("option", ALL, ids=lambda option: f"{option.group}={option.name}")
def test_every_option_binds_and_is_stored_and_read_back(option: Option, write: Write) -> None:
    first = [] if option.group == "data" else SMALL
    recipe = loaded(*first, f"{option.group}={option.name}", *required(option))
    assert getattr(recipe, option.group).option == option.name
    again = load(write(dump(recipe.plain()), "stored.yaml"))
    assert (again.nodes(), again.loop, again.seed) == (recipe.nodes(), recipe.loop, recipe.seed)


@pytest.mark.parametrize("option", ALL, ids=lambda option: f"{option.group}={option.name}")
def test_every_option_says_what_it_is_for_and_every_key_has_a_place(option: Option) -> None:
    entry = reference.entry(option)
    assert 20 < len(entry.what) < 300
    for key in entry.keys:
        file, _, line = key.place.rpartition(":")
        text = Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert key.name.rpartition(".")[2] in text


def test_three_mistakes_are_told_at_once_with_file_line_and_suggestion(write: Write) -> None:
    recipe = write(
        """\
        defaults:
          - base
          - data: tiny_shapes
          - head: lineer

        optimizer:
          wieght_decay: 0.1
        loop:
          length: 10epochs
        """
    )
    assert mistakes(recipe) == [
        "mine.yaml:4: 'lineer' is no head option. Did you mean 'linear'?",
        "mine.yaml:7: optimizer.wieght_decay is no key here. Did you mean 'weight_decay'?",
        "mine.yaml:9: loop.length '10epochs' is no duration: write steps, epochs or a share of the run, "
        "as in 500step, 3ep, 10%.",
    ]


@pytest.mark.parametrize(
    "lines, message",
    [
        ("seed: one", "mine.yaml:5: seed 'one' is not a whole number."),
        ("optimizer:\n  lr: fast", "mine.yaml:6: optimizer.lr 'fast' is not a number."),
        ("optimizer:\n  lr: true", "mine.yaml:6: optimizer.lr 'true' is not a number."),
        ("optimizer:\n  lr:", "mine.yaml:6: optimizer.lr 'null' is not a number."),
        ("optimizer:\n  schedule: cosin", "mine.yaml:6: optimizer.schedule 'cosin' is not one of constant, linear, "
         "cosine, one_cycle, slanted_triangular. Did you mean 'cosine'?"),
        ("optimizer:\n  betas: 0.9", "mine.yaml:6: optimizer.betas '0.9' is not a list, each item a number."),
        ("optimizer:\n  betas: [0.9, x]", "mine.yaml:6: optimizer.betas.1 'x' is not a number."),
        ("data:\n  split: {val: 0.1, tset: 0.1}", "mine.yaml:6: data.split.tset is no key here. Did you mean 'test'?"),
        ("data:\n  split: half", "mine.yaml:6: data.split 'half' is not a mapping with val, test, stratify, seed."),
        ("loop:\n  batch: 3.5", "mine.yaml:6: loop.batch '3.5' is not a whole number."),
        ("loop:\n  batch: 0", "mine.yaml:6: loop.batch is 0: write at least 1."),
        ("loop:\n  length: 110%",
         "mine.yaml:6: loop.length '110%' is no duration: a share of the run is at most 100%."),
        ("loop:\n  length: 50%",
         "mine.yaml:6: loop.length is 50%: write a number of steps or of epochs."),
        ("loop:\n  trackers: [tensorbord]", "mine.yaml:6: loop.trackers.0 'tensorbord' is not one of tensorboard, "
         "wandb, mlflow, trackio. Did you mean 'tensorboard'?"),
        ("backbone:\n  weights: nosuch", "mine.yaml:6: backbone.weights 'nosuch' names no weights: nothing is at "
         "nosuch. Write none, package:NAME/path, hub:ID, or the path of a file, a folder or a run."),
        ("backbone:\n  weights: package:nosuch/x",
         "mine.yaml:6: backbone.weights 'package:nosuch/x' needs the Python package 'nosuch', which is not installed."),
        ("backbone:\n  weights: hub:a/b/c",
         "mine.yaml:6: backbone.weights 'hub:a/b/c' is no name on a hub: write hub:NAME or hub:OWNER/NAME."),
        ("data:\n  classes: [disc, 0]", "mine.yaml:6: data.classes.1 '0' is not a text: write it in quotes, '0'."),
        ("optimiser:\n  lr: 1", "mine.yaml:5: optimiser is no key of a recipe. Did you mean 'optimizer'?"),
        ("head: linear", "mine.yaml:5: an option is chosen in 'defaults': write '- head: linear' there."),
        ("head: [linear]", "mine.yaml:5: '['linear']' is no head option. Did you mean 'linear'?"),
        ("optimizer.lr: 1", "mine.yaml:5: optimizer.lr is written in two lines in a file: 'optimizer:' and, indented "
         "below it, 'lr: ...'."),
        ("freeze:\n  probe: soon", "mine.yaml:6: freeze.probe 'soon' is no duration: write steps, epochs or a share of "
         "the run, as in 500step, 3ep, 10%."),
        ("backbone: {}\nmethod:\n  _target_: os.system",
         "mine.yaml:7: method._target_ is no key here. There is none."),
    ],
)  # fmt: skip
def test_each_mistake_in_a_file_names_its_line(lines: str, message: str, write: Write) -> None:
    recipe = write(f"# A recipe\ndefaults:\n  - base\n  - data: tiny_shapes\n{lines}\n")
    assert mistakes(recipe) == [message]


@pytest.mark.parametrize(
    "override, message",
    [
        ("optimizer.lr=fast", "command line: optimizer.lr 'fast' is not a number."),
        ("head.inti=ridge", "command line: head.inti is no key here. Did you mean 'init'?"),
        ("loop.legnth=3ep", "command line: loop.legnth is no key here. Did you mean 'length'?"),
        ("head=mpl", "command line: 'mpl' is no head option. Did you mean 'mlp'?"),
        ("head=MLP", "command line: 'MLP' is no head option. Did you mean 'mlp'?"),
        ("adapter=null", "command line: 'null' is no adapter option. There is: bottleneck, none."),
        ("lr=1", "command line: lr is no key of a recipe. Did you mean 'optimizer.lr'?"),
        ("xyz=1", "command line: xyz is no key of a recipe. There is: adapter, augment, backbone, cache, data, freeze, "
         "head, loop, method, name, optimizer, seed."),
        ("optimizer.lr", "command line: 'optimizer.lr' is no override: write key=value, as in optimizer.lr=1e-4."),
        ("~optimizer.lr", "command line: '~optimizer.lr' is no override: write key=value, as in optimizer.lr=1e-4."),
        ("optimizer.lr=1,2", "command line: 'optimizer.lr=1,2' gives several values: write one, or a list as "
         "optimizer.lr=[1,2]."),
        ("optimizer.lr.x=1", "command line: optimizer.lr.x: 'optimizer.lr' is set as a whole: write optimizer.lr=..."),
        ("optimizer.betas.0=1", "command line: optimizer.betas.0: 'optimizer.betas' is set as a whole: write "
         "optimizer.betas=..."),
        ("backbone.weights=a=b", "command line: 'backbone.weights=a=b' cannot be read (mismatched input '=' expecting "
         "<EOF>): quote the value, 'backbone.weights=\"a=b\"'."),
        ("method=distill", "command line: method.teacher has no value: the recipe must give a path."),
    ],
)  # fmt: skip
def test_each_mistake_on_the_command_line_says_so(override: str, message: str) -> None:
    assert mistakes("base", *SMALL, override) == [message]


def test_a_plus_is_never_advised_and_does_not_help() -> None:
    assert mistakes("base", *SMALL, "+optimizer.lr=1") == [
        "command line: '+optimizer.lr=1': a key is set without '+': write optimizer.lr=1."
    ]
    assert mistakes("base", *SMALL, "++optimizer.typo=1") == [
        "command line: '++optimizer.typo=1': a key is set without '+': write optimizer.typo=1.",
        "command line: optimizer.typo is no key here. There is: "
        "betas, eps, head_factor, lr, schedule, schedule_span, stage_factor, warmup, weight_decay.",
    ]


def test_a_recipe_anywhere_may_use_the_shipped_groups(write: Write, tmp_path: Path) -> None:
    write("defaults: [base, {data: image_folder}, {head: mlp}]\ndata: {root: pictures}\nhead: {hidden: [8, 4]}\n")
    recipe = load(str(tmp_path / "mine.yaml"), ["loop.batch=4"])
    assert (recipe.name, recipe.head.option, recipe.head.values["hidden"]) == ("mine", "mlp", [8, 4])
    assert recipe.data.values["root"] == str(tmp_path / "pictures")
    assert recipe.loop.batch == 4
    assert recipe.at("head.hidden") == "mine.yaml:3"
    assert recipe.at("loop.batch") == "command line"
    assert recipe.at("optimizer.eps").endswith("adamw.yaml:4")


def test_a_mistake_is_placed_in_the_users_file_wherever_recipes_were_read_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(RECIPES)
    assert load("base", SMALL).at("optimizer.eps") == "optimizer/adamw.yaml:4"
    monkeypatch.chdir(tmp_path)
    assert load("base", SMALL).at("optimizer.eps") == f"{RECIPES / 'optimizer' / 'adamw.yaml'}:4"


def test_a_recipe_may_start_from_another_one_beside_it(write: Write) -> None:
    write("defaults: [base, {data: tiny_shapes}]\noptimizer: {lr: 0.5, eps: 0.25}\nseed: 3\n", "first.yaml")
    recipe = load(write("defaults: [first]\noptimizer: {lr: 0.125}\n"))
    assert (recipe.optimizer.values["lr"], recipe.optimizer.values["eps"], recipe.seed) == (0.125, 0.25, 3)
    assert mistakes(write("defaults: [frist]\n")) == [
        "mine.yaml:1: there is no recipe 'frist' to start from. Did you mean 'first'?"
    ]
    assert mistakes(write("defaults: [mine]\n")) == [
        "mine.yaml: this recipe starts from itself: break the circle in 'defaults'."
    ]


def test_another_option_drops_the_keys_of_the_old_one_and_says_so(write: Write) -> None:
    first = write("defaults: [base, {data: tiny_shapes}, {head: mlp}]\nhead: {dropout: 0.5}\n", "first.yaml")
    assert load(first).notes == ()
    recipe = load(first, ["head=linear"])
    assert recipe.notes == ("head.dropout belonged to head 'mlp' and went with it (command line).",)
    assert "dropout" not in recipe.head.values
    second = load(write("defaults:\n  - first\n  - head: cosine\n"))
    assert second.notes == ("head.dropout belonged to head 'mlp' and went with it (mine.yaml:3).",)


def test_a_list_of_defaults_that_names_nothing_known(write: Write) -> None:
    recipe = write("defaults:\n  - base\n  - data: tiny_shapes\n  - heads: mlp\n  - [a]\n")
    assert mistakes(recipe) == [
        "mine.yaml:4: 'heads' is no group of options. Did you mean 'head'?",
        "mine.yaml:5: '['a']' is neither a recipe's name nor 'group: option'.",
    ]
    assert mistakes(write("defaults: base\n")) == [
        "mine.yaml:1: 'defaults' is a list of recipes and of 'group: option' lines."
    ]


def test_a_recipe_that_starts_from_nothing_is_told_to(write: Write) -> None:
    absent = "data, backbone, head, adapter, freeze, augment, optimizer, method, loop, cache, seed"
    text = f"mine.yaml: has no {absent}: write '- base' first in 'defaults'."
    assert mistakes(write("")) == [text]


def test_files_that_are_no_recipes(write: Write, tmp_path: Path) -> None:
    assert mistakes(write("seed: 1\nloop:\n  batch: [1\nx: 2\n")) == [
        "mine.yaml:4: is not valid YAML: expected ',' or ']', but got ':'."
    ]
    assert mistakes(write("seed: 1\nseed: 2\n")) == ["mine.yaml:2: is not valid YAML: found duplicate key seed."]
    assert mistakes(write("- base\n")) == ["mine.yaml:1: a recipe is a mapping of keys to values, not a list."]
    for single in ("4", "base", "'4'", "~", "1e5 # x"):
        assert mistakes(write(single)) == ["mine.yaml:1: a recipe is a mapping of keys to values, not a single value."]
    (tmp_path / "mine.yaml").write_bytes(b"a: \xff\n")
    assert mistakes("mine.yaml") == ["mine.yaml: is not UTF-8 text (byte 3)."]
    assert mistakes("mein.yaml") == ["There is no recipe file 'mein.yaml'. Did you mean 'mine.yaml'?"]
    assert mistakes("bass")[0].startswith("There is no recipe 'bass'. Did you mean 'base'?")


def test_the_users_own_recipe_is_named_where_it_lacks_something(write: Write) -> None:
    assert mistakes(write("defaults: [base]\n")) == ["mine.yaml: data.root has no value: the recipe must give a path."]
    assert mistakes(write("defaults:\n  - base\n  - data: huggingface\n")) == [
        "mine.yaml:3: data.root has no value: the recipe must give a path."
    ]


def test_references_between_keys_see_overrides(write: Write) -> None:
    recipe = write("defaults: [base, {data: tiny_shapes}]\nloop: {device_batch: '${loop.batch}'}\n")
    assert load(recipe).loop.device_batch == 32
    assert load(recipe, ["loop.batch=8"]).loop.device_batch == 8
    broken = write("defaults: [base, {data: tiny_shapes}]\nloop: {batch: '${loop.btch}'}\n")
    assert mistakes(broken) == ["mine.yaml:2: loop.batch: Interpolation key 'loop.btch' not found."]


def test_what_yaml_reads_otherwise_is_taken_as_meant(write: Write) -> None:
    recipe = load(write("defaults: [base, {data: tiny_shapes}]\nloop: {precision: no}\noptimizer: {lr: 1e-3}\nhead:\n"))
    assert recipe.loop.precision == "no"
    assert recipe.optimizer.values["lr"] == 0.001


def test_a_stored_recipe_keeps_its_name_and_is_found_by_its_run(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(dump(load("base", [*SMALL, "name=flowers"]).plain()))
    assert load(str(tmp_path)).name == "flowers"
    assert load(str(tmp_path / "recipe.yaml")).name == "flowers"


def test_the_file_names_the_recipe_in_letters_that_a_folder_may_have(write: Write) -> None:
    text = "defaults: [base, {data: tiny_shapes}]\n"
    assert load(write(text, "my flowers (2).yaml")).name == "my_flowers_2_"
    assert mistakes(write(f"{text}name: a/b\n")) == [
        "mine.yaml:2: name is 'a/b', but it names a folder: use letters, digits, _, - and . only."
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"a": "1e5", "b": "no", "c": "1.5", "d": "2020-01-01", "e": "null", "f": "ü: x", "g": [1, "x", None]},
        {"a": True, "b": 1e-4, "c": float("inf"), "d": "two\nlines", "e": "~", "f": "0x1f", "g": "12:30", "h": {}},
    ],
)
def test_values_are_stored_as_they_are(values: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(dump(values), encoding="utf-8")
    assert read(tmp_path / "x.yaml").values == values
    for value in values.values():
        (tmp_path / "y.yaml").write_text(f"key: {flow([value, {'k': value}])}\nalone: {flow(value)}", encoding="utf-8")
        assert read(tmp_path / "y.yaml").values == {"key": [value, {"k": value}], "alone": value}


@pytest.mark.parametrize(
    "lines",
    [
        "data: {_target_: trap.spring}",
        "hydra: {searchpath: ['pkg://trap']}",
        "defaults: [base, {data: trap}]",
        "defaults: [base, {override hydra/launcher: trap}]",
        "defaults: [base, {data: trap.spring}]",
        "defaults: ['pkg://trap/x.yaml']",
        "seed: !!python/object/apply:trap.spring []",
        "seed: '${trap:}'",
        "backbone: {weights: 'package:trap/x'}",
        "method: {teacher: trap.spring}",
    ],
)
def test_no_word_in_a_recipe_decides_what_code_runs(lines: str, tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("from pathlib import Path\nPath('sprung').touch()\ndef spring(*a, **k): pass\n")
    (tmp_path / "mine.yaml").write_text(("" if "defaults" in lines else "defaults: [base]\n") + f"{lines}\n")
    done = subprocess.run(
        [sys.executable, "-m", "tl", "check", "mine.yaml"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "sprung").exists()


def test_shipped_files_have_no_tabs_and_start_with_what_they_are_for() -> None:
    for path in RECIPES.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# "), path
        assert "\t" not in text, path
