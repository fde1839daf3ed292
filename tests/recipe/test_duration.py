"""Durations against hand computations."""

from __future__ import annotations

import pytest

from tl.errors import TLError
from tl.recipe.duration import Duration


@pytest.mark.parametrize(
    "text, steps",
    [
        ("500step", 500),
        ("3ep", 75),
        ("0.5ep", 12),  # 12.5 rounds to the even 12
        ("10%", 20),
        ("100%", 200),
        ("2.5%", 5),
        ("0%", 0),
        (" 7 step ", 7),
    ],
)
def test_steps_in_a_run_of_200_with_25_an_epoch(text: str, steps: int) -> None:
    assert Duration.parse(text).steps(total=200, epoch=25) == steps


def test_epochs_that_are_not_whole_do_not_drift() -> None:
    assert [Duration(n, "ep").steps(total=0, epoch=10.4) for n in (1, 2, 3, 5)] == [10, 21, 31, 52]


@pytest.mark.parametrize("text", ["500step", "3ep", "10%", "0.5ep", "12.5%", "1234567step", "0.00001ep"])
def test_its_text_parses_to_itself(text: str) -> None:
    assert str(Duration.parse(text)) == text
    assert Duration.parse(str(Duration.parse(text))) == Duration.parse(text)


@pytest.mark.parametrize("text", ["", "3", "ep", "-1ep", "3 epochs", "1e3step", "5steps", "3ep5%", "None", ".5ep"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(TLError, match=r"is no duration: write steps, .* as in 500step, 3ep, 10%\."):
        Duration.parse(text)


def test_more_than_the_run_is_refused() -> None:
    with pytest.raises(TLError, match=r"'101%' is no duration: a share of the run is at most 100%\."):
        Duration.parse("101%")


def test_minutes_are_no_steps() -> None:
    assert str(Duration.parse("5min")) == "5min"
    with pytest.raises(TLError, match=r"'5min' counts minutes, which only loop\.save_every and loop\.max_time can: "):
        Duration.parse("5min").steps(total=10, epoch=1.0)
