"""Words of other tools lead to keys that exist."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recipe.conftest import Write, mistakes
from tl.commands.explain import explain
from tl.recipe.peers import PEERS, peer


@pytest.mark.parametrize("key", sorted({found.key for found in PEERS.values() if found.key}))
def test_a_word_leads_to_a_key_that_exists(key: str) -> None:
    assert explain(key)


def test_a_word_without_a_key_has_a_sentence() -> None:
    assert all(found.hint for found in PEERS.values() if not found.key)


@pytest.mark.parametrize(
    "word, value, key, meant",
    [
        ("epochs", 5, "loop.length", "5ep"),
        ("max_steps", 500, "loop.length", "500step"),
        ("max_steps", -1, "loop.length", None),
        ("Per-Device-Train-Batch-Size", 8, "loop.device_batch", 8),
        ("gradient_accumulation_steps", 4, "loop.batch", None),
        ("warmup_ratio", 0.1, "optimizer.warmup", "10%"),
        ("lr_scheduler_type", "OneCycleLR", "optimizer.schedule", "one_cycle"),
        ("lr_scheduler_type", "polynomial", "optimizer.schedule", None),
        ("fp16", True, "loop.precision", "fp16"),
        ("fp16", False, "loop.precision", None),
        ("layer_decay", 0.75, "optimizer.stage_factor", 1.333),
        ("early_stopping", True, "loop.patience", "auto"),
        ("class_weight", "balanced", "data.balance", "weights"),
    ],
)
def test_a_value_is_translated_where_it_can_be(word: str, value: Any, key: str, meant: Any) -> None:
    found = peer(word)
    assert found is not None
    assert (found.key, found.value(value)) == (key, meant)


def test_the_command_line_gets_the_key_too() -> None:
    assert mistakes("tiny_images", "loop.epochs=5", "optimizer.learning_rate=0.1", "loop.num_labels=3") == [
        "command line: loop.epochs is no key here. In tl it is 'loop.length: 5ep'.",
        "command line: loop.num_labels is no key here: the data says how many classes there are.",
        "command line: optimizer.learning_rate is no key here. In tl it is 'optimizer.lr: 0.1'.",
    ]


def test_a_key_of_another_option_is_named_as_such(write: Write) -> None:
    recipe = write("defaults: [base, {data: tiny_shapes}]\nhead: {drop_rate: 0.2}\n")
    (said,) = mistakes(recipe)
    assert said.endswith(
        "head.drop_rate is no key here. In tl it is 'head.dropout: 0.2', which the chosen head option does not have "
        "(tl explain head.dropout)."
    )
