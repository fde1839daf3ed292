from __future__ import annotations

from collections import Counter

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from tests.components.data.listed import option
from tests.tasks import load_data


def test_sentences_differ_are_balanced_and_follow_the_seed() -> None:
    one, again, other = (option("tiny_sentences", n=300, seed=seed).read() for seed in (0, 0, 1))
    assert one == again != other
    assert len({s.input for s in one}) == 300
    assert Counter(s.target for s in one) == {"order": 100, "complaint": 100, "praise": 100}
    assert not any("{" in str(s.input) for s in one)


def test_words_alone_help_but_are_not_enough() -> None:
    data = load_data(option("tiny_sentences"))
    words = CountVectorizer().fit(str(s.input) for s in data.splits["train"])
    x = {split: words.transform(str(s.input) for s in found) for split, found in data.splits.items()}
    y = {split: [s.target for s in found] for split, found in data.splits.items()}
    assert 0.6 < LogisticRegression(max_iter=2000).fit(x["train"], y["train"]).score(x["test"], y["test"]) < 0.95


def test_the_largest_number_can_be_written() -> None:
    assert len(option("tiny_sentences", n=3000).read()) == 3000
