"""Tags at the first token of each word, and whole spans from them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.built import option
from tests.components.augment.samples import TEXTS
from tests.components.data.listed import row
from tl.batch import IGNORED
from tl.commands.chosen_task import build_task
from tl.components.data.spans import Tag, marked
from tl.components.sample import Sample, Samples, Span, Spans
from tl.components.task.judged import Judged, Kept
from tl.components.task.token_classification import TokenClassification, first_tokens, true_spans
from tl.errors import TLError
from tl.metrics.measured import compute_metrics
from tl.recipe.recipe import Node
from tl.report.blocks import Gallery, Number, Table
from tl.space import Space

TEXT = "Anna Li is in Rome"
SPANS = marked(TEXT, [Span(0, 7, "per"), Span(14, 18, "loc")])
OFFSETS = [(0, 0), (0, 2), (2, 4), (4, 7), (7, 10), (10, 13), (13, 18), (0, 0)]  # a space may begin a token


def task(scheme: str = "iob2") -> TokenClassification:
    made = build_task(Node("task", "token_classification", {"label_smoothing": 0.0, "focal_gamma": 0.0,
                                                            "scheme": scheme}), "spans")  # fmt: skip
    assert isinstance(made, TokenClassification)
    made.fit(("loc", "per"), Samples.of([]), {})  # type: ignore[typeddict-item]
    return made


def sample(target: Spans | None, text: str = TEXT) -> Sample:
    return Sample("1", text, target, "a.conll:1")


@pytest.mark.parametrize(
    "scheme, tags",
    [("iob2", ["B-per", "I-per", "O", "O", "B-loc"]), ("bioes", ["B-per", "E-per", "O", "O", "S-loc"])],
)
def test_the_first_token_of_each_word_has_the_words_tag(scheme: str, tags: list[str]) -> None:
    made = task(scheme)
    (found,) = made.targets(Samples.of([sample(SPANS)]), [OFFSETS])
    names = [made.space.names[number] if number != IGNORED else "" for number in found.tolist()]
    assert names == ["", tags[0], "", tags[1], tags[2], tags[3], tags[4], ""]
    assert made.counted == ("loc", "per")


def test_a_text_that_is_cut_has_tags_as_far_as_its_tokens_reach() -> None:
    (found,) = task().targets(Samples.of([sample(SPANS)]), [OFFSETS[:4]])
    assert [number != IGNORED for number in found.tolist()] == [False, True, False, True]


def test_a_text_without_known_spans_is_all_outside() -> None:
    (found,) = task().targets(Samples.of([sample(None)]), [OFFSETS])
    assert {*found.tolist()} == {0, IGNORED}


def test_a_class_that_was_not_learnt_is_refused() -> None:
    with pytest.raises(TLError, match=r"The class 'org' is none that was learnt"):
        task().targets(Samples.of([sample(marked(TEXT, [Span(0, 4, "org")]))]), [OFFSETS])


def test_only_chosen_classes_are_kept() -> None:
    (kept,) = task().choose(Samples.of([sample(SPANS)]), ["loc"])
    assert isinstance(kept.target, Spans)
    assert kept.target.spans == (Span(14, 18, "loc"),)


def test_the_loss_is_the_mean_over_the_words() -> None:
    made = task()
    head = option("head", "linear", {"dim_in": 2, "space": made.space}, init="random")
    output, target = torch.randn(2, 4, 5), torch.tensor([[IGNORED, 1, 2, IGNORED], [IGNORED, 0, IGNORED, IGNORED]])
    wanted = cross_entropy(torch.stack([output[0, 1], output[0, 2], output[1, 1]]), torch.tensor([1, 2, 0]))
    torch.testing.assert_close(made.loss(head, output, target)["task"], wanted)
    nothing = made.loss(head, output.requires_grad_(), torch.full((2, 4), IGNORED))["task"]
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert output.grad is not None
    assert not output.grad.any()


def test_counts_of_whole_spans_are_seqevals() -> None:
    """Strict: a span counts where begin, end and class are right, on random tags that are valid and that are not."""
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    made, draw = task(), random.Random(0)
    head = option("head", "linear", {"dim_in": 2, "space": made.space}, init="random")
    names = made.space.names
    samples, outputs, true_tags, said_tags = [], [], [], []
    for number in range(1000):
        words = [(2 * i, 2 * i + 1) for i in range(draw.randint(1, 9))]
        found, last = [], "O"
        for _ in words:
            last = draw.choice([name for name in names if name[0] != "I" or name[2:] == last[2:]])
            found.append(last)
        from tl.components.data.spans import spans_of

        spans, _ = spans_of(words, [tag for name in found if (tag := Tag.parse(name))])
        samples.append(Sample(str(number), "x " * len(words), Spans(spans, tuple(words)), ""))
        outputs.append(torch.from_numpy(np.random.default_rng(number).normal(size=(len(words), len(names)))).float())
        true_tags.append(found)
    target = torch.nn.utils.rnn.pad_sequence([torch.zeros(len(o)).long() for o in outputs], True, IGNORED)
    kept = made.keep(head, torch.nn.utils.rnn.pad_sequence(outputs, True), target, Samples.of(samples))
    for one, spans in zip(samples, kept.answers, strict=True):
        assert isinstance(one.target, Spans)
        tags = []
        for begin, end in one.target.words:
            inside = next((s for s in spans if s.begin <= begin and end <= s.end), None)
            tags.append("O" if inside is None else f"{'B' if begin == inside.begin else 'I'}-{inside.name}")
        said_tags.append(tags)
    true, right, answered = kept.rows.numpy()[:, :6].reshape(-1, 3, 2).sum((0, 2))
    strict = {"mode": "strict", "scheme": IOB2}
    assert right / answered == pytest.approx(precision_score(true_tags, said_tags, **strict))
    assert right / true == pytest.approx(recall_score(true_tags, said_tags, **strict))
    assert 2 * right / (true + answered) == pytest.approx(f1_score(true_tags, said_tags, **strict))
    values = compute_metrics(made.measured(head, kept))
    assert values["span_f1"] == pytest.approx(f1_score(true_tags, said_tags, **strict))
    assert values["macro_span_f1"] == pytest.approx(f1_score(true_tags, said_tags, average="macro", **strict))


def test_words_behind_the_last_token_have_none() -> None:
    found = list(first_tokens(sample(SPANS), OFFSETS[:6]))
    assert found == [(0, 1), (1, 3), (2, 4), (3, 5)]


def test_a_space_is_restored_from_a_run() -> None:
    made = task()
    other = build_task(Node("task", "token_classification", {"label_smoothing": 0.0, "focal_gamma": 0.0,
                                                             "scheme": "iob2"}), "spans")  # fmt: skip
    other.restore(Space("single", made.space.names))
    assert other.counted == ("loc", "per")


def test_a_row_has_no_span_by_default() -> None:
    assert task().targets(Samples.of([row(1, None)]), [[(0, 0), (0, 3)]]).at(0).tolist() == [IGNORED, 0]


def test_texts_with_wrong_spans_are_marked_in_the_report() -> None:
    made = task()
    samples = [sample(SPANS), sample(SPANS)]
    answers = (SPANS.spans, (Span(0, 4, "per"), Span(14, 18, "loc")))
    rows = [[*made._counts(SPANS.spans, said), 4, *made._words(sample(SPANS))] for said in answers]
    rows = torch.tensor(rows, dtype=torch.float64)
    kept = Kept(rows, torch.zeros(2), answers)
    seen = made.measured(option("head", "linear", {"dim_in": 2, "space": made.space}, init="random"), kept)
    (section,) = made.findings(Judged(samples, kept, seen, seen, None, "", lambda _: True, TEXTS))
    (gallery,) = [block for block in section.blocks if isinstance(block, Gallery)]
    (card,) = gallery.cards
    assert [(m.start, m.end, m.label, m.says) for m in card.marks] == [
        (0, 4, "per", "spurious"), (0, 7, "per", "missed"), (14, 18, "loc", "right"),
    ]  # fmt: skip
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert [row[:2] for row in table.rows] == [["loc", Number(2, "2")], ["per", Number(2, "2")]]
    assert compute_metrics(seen)["span_f1"] == pytest.approx(3 / 4)
    assert made.skill() == "find 2 kinds of spans"


def test_answers_belong_to_their_words_where_the_tokenizer_leaves_no_token_of_one() -> None:
    """The third word, a sign that the tokenizer drops, has no token: what follows must not move to its place."""
    made = task()
    text = "Anna Li ~ Rome"
    one = sample(Spans((Span(0, 7, "per"), Span(10, 14, "loc")), ((0, 4), (5, 7), (8, 9), (10, 14))), text)
    (row,) = made.targets(Samples.of([one]), [[(0, 0), (0, 4), (5, 7), (10, 14), (0, 0)]])
    names, dim = made.space.names, made.space.dim
    assert [names[number % dim] for number in row.tolist() if number != IGNORED] == ["B-per", "I-per", "B-loc"]
    output = torch.full((1, 5, dim), -9.0)
    for place, name in enumerate(["O", "B-per", "I-per", "B-loc", "O"]):
        output[0, place, names.index(name)] = 9.0
    head = option("head", "linear", {"dim_in": 2, "space": made.space}, init="random")
    target = torch.from_numpy(row)[None]
    kept = made.keep(head, output, target, Samples.of([one]))
    assert isinstance(one.target, Spans)
    assert kept.answers == (one.target.spans,)
    assert kept.rows[0].tolist() == [1, 1, 1, 1, 1, 1, 3, 1, 0, 4, 1]
    assert float(made.loss(head, output, target)["task"]) < 1e-6


def test_guessing_marks_every_word_as_the_class_that_this_suits_best_elsewhere() -> None:
    """Written out: of two texts of four words, three places of one word and a person of two."""
    made = task()
    words = ((0, 1), (2, 3), (4, 5), (6, 7))
    one = Spans((Span(0, 1, "loc"), Span(2, 5, "per")), words)
    two = Spans((Span(0, 1, "loc"), Span(4, 5, "loc")), words)
    samples = [Sample(str(i), "a b c d", target, "") for i, target in enumerate((one, two))]
    prior = made.prior([Samples.of(samples)])
    assert prior.shares == pytest.approx([2 * 3 / (4 + 8), 0.0])
    rows = [[*made._counts(true_spans(each), ()), 0, *made._words(each)] for each in samples]
    head = option("head", "linear", {"dim_in": 2, "space": made.space}, init="random")
    seen = made.measured(head, Kept(torch.tensor(rows, dtype=torch.float64), torch.zeros(2), ((), ())))
    guessed = {name: seen.guess(name, prior) for name in seen.metrics}
    values = {name: float(found(np.ones((1, 2)))[0]) for name, found in guessed.items() if found is not None}
    assert values == pytest.approx({
        "span_f1": 2 * 3 / (4 + 8), "macro_span_f1": (2 * 3 / (3 + 8)) / 2, "span_precision": 3 / 8,
        "span_recall": 3 / 4, "word_accuracy": 3 / 8,
    })  # fmt: skip
    assert list(made.never_answered(seen)) == [("loc", 3), ("per", 1)]
