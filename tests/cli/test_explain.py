"""`tl explain`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Run
from tl.commands.words import WordHelp, all_words, words_for
from tl.errors import TLError
from tl.recipe.registry import GROUPS


def test_explain_says_what_a_key_is_where_its_default_stands_and_what_it_takes(tl: Run) -> None:
    found = json.loads(tl("explain", "loop.length", "--json"))
    assert "quickstart_texts" in found[0].pop("recipes")
    assert found[0].pop("place").endswith("recipes/base.yaml:16")
    assert found == [
        {
            "kind": "key",
            "name": "loop.length",
            "options": [],
            "takes": "a duration above 0 such as 500step, 3ep",
            "default": "10ep",
            "comment": "500step, 3ep",
        }
    ]
    assert "default  must be given" in tl("explain", "method.teacher")
    assert "default  auto " in tl("explain", "loop.precision")
    assert "takes    a mapping with val, test, stratify, duplicates, groups, seed" in tl("explain", "data.split")
    assert tl("explain", "head.mlp.hidden") == tl("explain", "head.hidden")
    assert tl("explain", "hidden").startswith(tl("explain", "head.hidden"))
    assert "mlp" in tl("explain", "head")
    assert "choose it: '- head: mlp' in defaults, or head=mlp" in tl("explain", "head.mlp")
    with pytest.raises(TLError, match=r"'optimzer\.lr' is no key, option or group\. Did you mean 'optimizer\.lr'"):
        tl("explain", "optimzer.lr")


def test_explain_finds_the_keys_that_take_a_word(tl: Run) -> None:
    assert tl("explain", "one_cycle") == tl("explain", "optimizer.schedule")
    found = json.loads(tl("explain", "cuda", "--json"))
    assert [key["name"] for key in found] == ["loop.device"]


def test_explain_tells_of_a_kind_of_mistake_by_its_code(tl: Run) -> None:
    text = tl("explain", "e017")
    assert text.splitlines()[0] == "E017  unknown key"
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["cause", "example", "remedy"]
    (found,) = json.loads(tl("explain", "E017", "--json"))
    assert found.keys() == {"kind", "code", "name", "cause", "example", "remedy"}
    with pytest.raises(TLError, match=r"'E999' is no code of a mistake: they go from E001 to E\d+\."):
        tl("explain", "E999")


@pytest.mark.parametrize("group", [*GROUPS, "loop", "seed", "name"])
def test_every_group_and_key_can_be_explained(group: str, tl: Run) -> None:
    found: list[dict[str, Any]] = json.loads(tl("explain", group, "--json"))
    names = [key["name"] for key in found[0]["keys"]]
    for entry in found[0]["entries"]:
        assert f"choose it: '- {group}: {entry['name']}'" in tl("explain", f"{group}.{entry['name']}")
        names += [key["name"] for key in entry["keys"]]
    for name in set(names):
        assert name in tl("explain", name)


def test_explain_knows_metrics_and_the_words_of_messages(tl: Run) -> None:
    assert tl("explain", "macro_f1").startswith("macro_f1  A metric (macro F1) of answers that are one class, several ")
    assert "lower is better" in tl("explain", "log_loss")
    assert tl("explain", "phase").startswith("phase  A stretch of a run")
    assert tl("explain", "batch norm").startswith("batch_norm  A layer")
    both = tl("explain", "group")  # a word, and a key of data options
    assert both.startswith("data.group")
    assert "\ngroup  In a recipe" in both


def test_explain_leads_from_the_words_of_other_tools_to_keys(tl: Run) -> None:
    text = tl("explain", "learning_rate")
    assert text.startswith("learning_rate  Other tools say learning_rate; in tl it is optimizer.lr.")
    assert "takes    a number above 0" in text
    assert "use tl finetune --runs FOLDER" in tl("explain", "output_dir")


@pytest.mark.parametrize("word", [name for word in all_words() for name in words_for(word)], ids=lambda word: word.name)
def test_a_word_leads_to_what_there_is(word: WordHelp, tl: Run) -> None:
    assert word.text.endswith(".")
    for name in word.see:
        if name.startswith("tl "):
            assert name.split()[1] in tl("--help")
        else:
            assert tl("explain", name)
