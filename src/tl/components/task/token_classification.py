"""Names and other stretches of a text, each with a class, by a tag for every word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, final

import numpy as np
import numpy.typing as npt

from tl.components.columns import Ragged, ragged_column
from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import with_marks
from tl.components.data.spans import Tag, spans_of, words_of
from tl.components.sample import Sample, Samples, Span, Spans
from tl.components.task.base import AnswerTable, Common, Offsets, Task
from tl.components.task.judged import SHOWN, Judged, Kept
from tl.components.task.sections import class_table
from tl.components.task.tags import best_tags, may_begin, may_end, may_follow
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.measured import Measured, Prior
from tl.metrics.spans import MeasuredSpans
from tl.report.blocks import Block, Card, Gallery, Heading, Says, Section, TextMark, Words
from tl.report.words import counted
from tl.space import IGNORED, Form, Kind, Space

if TYPE_CHECKING:
    from torch import Tensor

    from tl.components.head.base import Head

_OUTSIDE = "O"
_MARKS = {"iob2": "BI", "bioes": "BIES"}


@final
class TokenClassification(Task):
    """The first token of each word gets the word's tag (Ramshaw and Marcus 1995); the others are not asked.

    Answers are the most probable sequence of tags in which each follows the one before it, as I-X does B-X or I-X.
    What is scored are whole spans with their class. Of a text that is cut, the spans behind the cut count as missed.
    """

    takes: ClassVar[str] = "spans"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "single"
    reads: ClassVar[Form] = "tokens"
    word: ClassVar[str] = "marked spans"
    noun: ClassVar[str] = "class"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True
    weighs: ClassVar[bool] = False
    measures: ClassVar[type[Measured]] = MeasuredSpans

    def __init__(self, *, scheme: Literal["iob2", "bioes"], **common: Unpack[Common]) -> None:
        super().__init__(LossOptions(common["label_smoothing"], common["focal_gamma"]))
        self.scheme = scheme

    @property
    def counted(self) -> tuple[str, ...]:
        """The classes of spans."""
        return tuple(dict.fromkeys(tag[2:] for tag in self.space.names if tag != _OUTSIDE))

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        """All samples, each with the spans of these classes."""
        return with_marks(samples, classes)

    def check_enough(self, names: Sequence[str]) -> None:
        if not names:
            raise TLError("No span is marked in any training text: check data.tag or data.spans.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        tags = (f"{mark}-{name}" for name in names for mark in _MARKS[self.scheme])
        self.space = Space("single", (_OUTSIDE, *tags))
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> Ragged:
        """At the first token of each word its tag, and IGNORED at other tokens; O where the spans are not known.

        The tokenizer may leave no token of a word. So that answers still belong to the right words, a target is the
        tag's number plus C times the number of words without a token that stand between it and the word before.
        """
        return ragged_column(self._row(s, o) for s, o in zip(samples, offsets, strict=True))

    def _row(self, sample: Sample, offsets: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
        self.check_known(sample.target)
        row = np.full(len(offsets), IGNORED, np.int64)
        tags = self._tags(sample)
        last = -1
        for word, place in first_tokens(sample, offsets):
            row[place] = tags[word] + self.space.dim * (word - last - 1)
            last = word
        return row

    def _tags(self, sample: Sample) -> list[int]:
        """The tag's number of each word of a sample."""
        spans = iter(true_spans(sample))
        numbers = {name: number for number, name in enumerate(self.space.names)}
        span, found = next(spans, None), []
        for begin, end in sample_words(sample):
            while span is not None and span.end <= begin:
                span = next(spans, None)
            if span is None or begin < span.begin:
                found.append(0)
            else:
                found.append(numbers[f"{self._mark(span, begin, end)}-{span.name}"])
        return found

    def _mark(self, span: Span, begin: int, end: int) -> str:
        first, last = begin == span.begin, end == span.end
        if self.scheme == "iob2":
            return "B" if first else "I"
        return "S" if first and last else "B" if first else "E" if last else "I"

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        output, target = self.flat(output, target)
        return {"task": head.loss(output, target) if len(target) else output.sum()}

    def flat(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        known = target != IGNORED
        return features[known], target[known] % self.space.dim

    # Judging.

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """Rows (N, 4 C + 3): the true, right and answered spans of each class; the words with the right tag; the true
        spans of one word of each class; all words, and those outside of all true spans.

        The answers are the spans that were found in each text.
        """
        import torch

        tags = [Tag.parse(name) or Tag(_OUTSIDE, "") for name in self.space.names]
        rules = may_begin(tags), may_follow(tags), may_end(tags)
        logits, known = output.float().log_softmax(-1).cpu().numpy(), (target != IGNORED).cpu().numpy()
        truth = target.cpu().numpy()
        rows, answers = [], []
        for sample, scores, here, wanted in zip(samples, logits, known, truth, strict=True):
            said, (skipped, true) = best_tags(scores[here], *rules), divmod(wanted[here], self.space.dim)
            numbers = np.cumsum(skipped + 1) - 1
            words = [sample_words(sample)[number] for number in numbers.tolist()]
            spans, _ = spans_of(words, [tags[number] for number in said])
            right = int((np.array(said, np.int64) == true).sum())
            rows.append([*self._counts(true_spans(sample), spans), right, *self._words(sample)])
            answers.append(spans)
        return Kept(torch.tensor(rows, dtype=torch.float64), torch.zeros(len(rows)), tuple(answers))

    def nothing(self, head: Head) -> Kept:
        import torch

        return Kept(torch.zeros(0, 4 * len(self.counted) + 3, dtype=torch.float64), torch.zeros(0))

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> MeasuredSpans:
        rows, classes = kept.rows.numpy(), len(self.counted)
        spans, right = rows[:, : 3 * classes].reshape(len(rows), 3, classes), rows[:, 3 * classes]
        alone, words, outside = rows[:, 3 * classes + 1 : -2], rows[:, -2], rows[:, -1]
        return MeasuredSpans(spans, np.stack([words, right, outside], axis=1), alone, self.counted)

    def prior(self, parts: Sequence[Samples]) -> Prior:
        samples = [sample for part in parts for sample in part if sample.target is not None]
        true = np.array([self._by_class(true_spans(sample)) for sample in samples]).reshape(-1, len(self.counted))
        words = np.array([self._words(sample) for sample in samples]).reshape(-1, len(self.counted) + 2)
        return MeasuredSpans.prior(true.sum(axis=0), words[:, :-2].sum(axis=0), float(words[:, -2].sum()))

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        assert isinstance(found, MeasuredSpans)
        true, _, answered = found.arrays[0].sum(axis=0)
        return true, answered

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        pairs = zip(samples, kept.answers, strict=True)
        rows = [[s.id, _written(true_spans(s)), _written(said)] for s, said in pairs]
        return AnswerTable(["id", "true", "predicted"], rows)

    def columns(self) -> list[str]:
        return ["id", "predicted"]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        return ([s.id, [_plain(s, span) for span in said]] for s, said in zip(samples, kept.answers, strict=True))

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The spans in the order of the text, each with its characters, class and text."""
        return ({"predicted": cells[1]} for cells in self.cells(samples, kept, found))

    def skill(self) -> str:
        return f"find {counted(len(self.counted), 'kinds of spans')}"

    def findings(self, judged: Judged | None) -> list[Section]:
        """Scores by class, and the texts with the most spans that are missed or spurious, these marked."""
        if judged is None:
            return [Section("errors", "Errors", "Where it errs", [Words("No text was judged.", "empty")])]
        assert isinstance(judged.found, MeasuredSpans)
        texts = zip(judged.samples, judged.kept.answers, strict=True)
        wrong = [(sample, said) for sample, said in texts if {*said} != {*true_spans(sample)}]
        wrong.sort(key=lambda one: -len({*one[1]} ^ {*true_spans(one[0])}))
        cards = [
            Card(id=sample.id, text=str(sample.input), marks=_marks(true_spans(sample), said))
            for sample, said in wrong[:SHOWN]
        ]
        blocks: list[Block] = [*class_table(judged.found.per_class(), self.noun, "spans"), Heading("Mistakes")]
        if cards:
            lead = f"The {counted(len(cards), 'texts')} of {len(wrong)} with the most spans missed or made up."
            blocks += [Words(lead, "lead"), Gallery(cards)]
        else:
            blocks.append(Words("Not one mistake on this split.", "empty"))
        return [Section("errors", "Errors", "Where it errs", blocks)]

    def _counts(self, true: Sequence[Span], answered: Sequence[Span]) -> list[int]:
        both = [span for span in answered if span in {*true}]
        return [count for some in (true, both, answered) for count in self._by_class(some)]

    def _by_class(self, spans: Sequence[Span]) -> list[int]:
        return [sum(span.name == name for span in spans) for name in self.counted]

    def _words(self, sample: Sample) -> list[int]:
        """The true spans of one word of each class, all words, and those outside of all true spans."""
        spans, words = true_spans(sample), sample_words(sample)
        alone = [span for span in spans if (span.begin, span.end) in {*words}]
        return [*self._by_class(alone), len(words), self._tags(sample).count(0)]


def _marks(true: Sequence[Span], said: Sequence[Span]) -> list[TextMark]:
    """The spans of a text that are right, missed or spurious, in order; of two that overlap, both are marked."""
    says: dict[Span, Says] = dict.fromkeys(true, "missed")
    for span in said:
        says[span] = "right" if span in says else "spurious"
    return [TextMark(span.begin, span.end, span.name, says[span]) for span in sorted(says)]


def _plain(sample: Sample, span: Span) -> dict[str, Any]:
    text = str(sample.input)[span.begin : span.end]
    return {"begin": span.begin, "end": span.end, "class": span.name, "text": text}


def _written(spans: Sequence[Span]) -> str:
    """Spans as a cell of a table: [[begin, end, class], ...], as a data option reads them."""
    return json.dumps([[span.begin, span.end, span.name] for span in spans], ensure_ascii=False)


def true_spans(sample: Sample) -> tuple[Span, ...]:
    """The spans of a sample; () where they are not known."""
    return sample.target.spans if isinstance(sample.target, Spans) else ()


def sample_words(sample: Sample) -> Sequence[tuple[int, int]]:
    """Where the words of a sample stand."""
    return sample.target.words if isinstance(sample.target, Spans) else words_of(str(sample.input))


def first_tokens(sample: Sample, offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """(word, token) for each word that a token begins, both counted from 0; words behind the last token have none."""
    text, words, word = str(sample.input), sample_words(sample), 0
    for place, (begin, end) in enumerate(offsets):
        while begin < end and text[begin].isspace():
            begin += 1
        while word < len(words) and words[word][1] <= begin:
            word += 1
        if begin < end and word < len(words) and words[word][0] <= begin:
            yield word, place
            word += 1
