"""What the user is told where a recipe or an override is wrong: every mistake at once, each with file and line."""

from __future__ import annotations

import re

import pytest

from tests.recipe.conftest import SMALL, Write, mistakes
from tl.recipe.recipe import load
from tl.recipe.registry import RECIPES
from tl.recipe.yamlfile import short_path


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
        ("optimizer:\n  lr: fast", "mine.yaml:6: optimizer.lr 'fast' is not a number above 0."),
        ("optimizer:\n  lr: true", "mine.yaml:6: optimizer.lr 'true' is not a number above 0."),
        ("optimizer:\n  lr:", "mine.yaml:6: optimizer.lr 'null' is not a number above 0."),
        ("optimizer:\n  schedule: cosin", "mine.yaml:6: optimizer.schedule 'cosin' is not one of constant, linear, "
         "cosine, one_cycle, slanted_triangular. Did you mean 'cosine'?"),
        ("optimizer:\n  betas: 0.9", "mine.yaml:6: optimizer.betas '0.9' is not a list of exactly 2 items, "
         "each a number from 0 to below 1."),
        ("optimizer:\n  betas: [0.9, x]", "mine.yaml:6: optimizer.betas.1 'x' is not a number from 0 to below 1."),
        ("data:\n  split: {val: 0.1, tset: 0.1}", "mine.yaml:6: data.split.tset is no key here. Did you mean 'test'?"),
        ("data:\n  split: half", "mine.yaml:6: data.split 'half' is not a mapping with val, test, stratify, "
         "duplicates, groups, seed."),
        ("loop:\n  batch: 3.5", "mine.yaml:6: loop.batch '3.5' is not a whole number of at least 1."),
        ("loop:\n  batch: 0", "mine.yaml:6: loop.batch '0' is not a whole number of at least 1."),
        ("loop:\n  length: 110%",
         "mine.yaml:6: loop.length '110%' is no duration: a share of the run is at most 100%."),
        ("loop:\n  length: 50%",
         "mine.yaml:6: loop.length '50%' is not a duration above 0 such as 500step, 3ep."),
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
        ("optimizer.lr=fast", "command line: optimizer.lr 'fast' is not a number above 0."),
        ("head.inti=ridge", "command line: head.inti is no key here. Did you mean 'init'?"),
        ("loop.legnth=3ep", "command line: loop.legnth is no key here. Did you mean 'length'?"),
        ("head=mpl", "command line: 'mpl' is no head option. Did you mean 'mlp'?"),
        ("head=MLP", "command line: 'MLP' is no head option. Did you mean 'mlp'?"),
        ("adapter=null", "command line: 'null' is no adapter option. There is: bottleneck, none."),
        ("lr=1", "command line: lr is no key of a recipe. Did you mean 'optimizer.lr'?"),
        ("xyz=1", "command line: xyz is no key of a recipe. There is: adapter, augment, backbone, cache, data, freeze, "
         "head, loop, method, name, optimizer, report, seed, task."),
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


def test_a_recipe_that_names_no_data_says_which_key_is_missing() -> None:
    (text,) = mistakes("images")
    place = short_path(RECIPES / "images.yaml")
    assert re.fullmatch(rf"{re.escape(place)}:\d+: data\.root has no value: the recipe must give a path\.", text)


def test_the_users_own_recipe_is_named_where_it_lacks_something(write: Write) -> None:
    assert mistakes(write("defaults: [base]\n")) == ["mine.yaml: data.root has no value: the recipe must give a path."]
    assert mistakes(write("defaults:\n  - base\n  - data: huggingface\n")) == [
        "mine.yaml:3: data.root has no value: the recipe must give a path."
    ]


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
    absent = "data, backbone, head, adapter, freeze, augment, optimizer, method, loop, cache, report, seed"
    text = f"mine.yaml: has no {absent}: write '- base' first in 'defaults'."
    assert mistakes(write("")) == [text]


def test_the_file_names_the_recipe_in_letters_that_a_folder_may_have(write: Write) -> None:
    text = "defaults: [base, {data: tiny_shapes}]\n"
    assert load(write(text, "my flowers (2).yaml")).name == "my_flowers_2_"
    assert mistakes(write(f"{text}name: a/b\n")) == [
        "mine.yaml:2: name is 'a/b', but it names a folder: use letters, digits, _, - and . only."
    ]
