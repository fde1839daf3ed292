"""What follows from the kind of answer, against torch and formulas written out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div

from tl.batch import Batch, Inputs
from tl.errors import TLError
from tl.family import Figures, LossOptions, family_of
from tl.space import Kind

SOURCE = Path(__file__).parents[1] / "src" / "tl"
KINDS: tuple[Kind, ...] = ("single", "multi", "number")
OUTPUT = torch.tensor([[2.0, -1.0], [0.5, 3.0], [-1.0, 0.25]])
TARGETS = {
    "single": torch.tensor([0, 1, 1]),
    "multi": torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
    "number": torch.tensor([[10.0, 200.0], [12.0, 180.0], [9.0, 210.0]], dtype=torch.float64),
}
FIGURES = Figures(
    torch.tensor([10.0, 200.0], dtype=torch.float64),
    torch.tensor([2.0, 10.0], dtype=torch.float64),
    torch.ones(2),
    torch.ones(2, 2),
)


def test_losses_are_torchs() -> None:
    wanted = {
        "single": cross_entropy(OUTPUT, TARGETS["single"]),
        "multi": binary_cross_entropy_with_logits(OUTPUT, TARGETS["multi"]),
        "number": (OUTPUT - torch.tensor([[0.0, 0.0], [1.0, -2.0], [-0.5, 1.0]])).square().mean(),
    }
    for kind in KINDS:
        torch.testing.assert_close(family_of(kind).loss(OUTPUT, TARGETS[kind], FIGURES, LossOptions()), wanted[kind])


def test_weights_count_a_class_or_either_side_of_a_label() -> None:
    heavy = FIGURES._replace(class_weights=torch.tensor([3.0, 1.0]))
    single = family_of("single").loss(OUTPUT, TARGETS["single"], heavy, LossOptions())
    terms = cross_entropy(OUTPUT, TARGETS["single"], reduction="none")
    torch.testing.assert_close(single, (3 * terms[0] + terms[1] + terms[2]) / 3)
    sided = FIGURES._replace(label_weights=torch.tensor([[5.0, 1.0], [1.0, 1.0]]))
    multi = family_of("multi").loss(OUTPUT, TARGETS["multi"], sided, LossOptions())
    each = binary_cross_entropy_with_logits(OUTPUT, TARGETS["multi"], reduction="none")
    torch.testing.assert_close(multi, (each.sum() + 4 * each[:2, 0].sum()) / 6)


def test_scores_are_probabilities_or_numbers_in_their_own_unit() -> None:
    cooled = [family_of(kind).scores(OUTPUT, 2.0, FIGURES) for kind in KINDS]
    powers = (OUTPUT / 2).exp()
    torch.testing.assert_close(cooled[0], powers / powers.sum(1, keepdim=True))
    torch.testing.assert_close(cooled[1], 1 / (1 + (-OUTPUT / 2).exp()))
    torch.testing.assert_close(cooled[2], torch.tensor([[14.0, 190], [11, 230], [8, 202.5]], dtype=torch.float64))


def test_a_teacher_is_followed_in_its_own_units() -> None:
    answer = OUTPUT.flip(0)
    single = family_of("single").divergence(OUTPUT, answer, 2.0, FIGURES, FIGURES)
    logs = [(each / 2).log_softmax(1) for each in (OUTPUT, answer)]
    torch.testing.assert_close(single, 4 * kl_div(logs[0], logs[1], reduction="batchmean", log_target=True))
    teacher = FIGURES._replace(mean=torch.tensor([0.0, 0.0]).double(), std=torch.tensor([1.0, 1.0]).double())
    number = family_of("number").divergence(OUTPUT, answer, 2.0, FIGURES, teacher)
    inner = (answer - torch.tensor([10.0, 200.0])) / torch.tensor([2.0, 10.0])
    torch.testing.assert_close(number, (OUTPUT - inner).square().mean())
    for kind in KINDS:
        alike = family_of(kind).divergence(OUTPUT, OUTPUT, 2.0, FIGURES, FIGURES)
        assert float(alike) == pytest.approx(0, abs=1e-6)


def test_targets_of_a_regression_and_of_mixed_samples() -> None:
    found = {kind: family_of(kind).regression_target(TARGETS[kind], 2, FIGURES).tolist() for kind in KINDS}
    assert found["single"] == [[1, -1], [-1, 1], [-1, 1]]
    assert found["multi"] == [[1, -1], [1, 1], [-1, -1]]
    assert found["number"] == [[0, 0], [1, -2], [-0.5, 1]]
    soft = family_of("single").mixable(TARGETS["single"], 2)
    assert soft is not None
    assert soft.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert family_of("single").mixable(torch.tensor([0, -1]), 2) is None
    assert family_of("multi").mixable(TARGETS["multi"], 2) is TARGETS["multi"]


def test_no_target_has_the_form_of_targets() -> None:
    for kind in KINDS:
        none, some = family_of(kind).no_target(2), TARGETS[kind]
        assert len(none) == 0
        assert none.shape[1:] == some.shape[1:]
        assert none.is_floating_point() == some.is_floating_point()


def test_inputs_are_taken_and_changed_tensor_by_tensor() -> None:
    x = Inputs(torch.arange(6).view(3, 2), None, torch.arange(3), (torch.ones(3, 1), torch.arange(3)))
    taken = x.take([2, 0, 2])
    assert taken.mask is None
    assert taken.values.tolist() == [[4, 5], [0, 1], [4, 5]]
    assert taken.segments is not None
    assert taken.segments.tolist() == [2, 0, 2]
    assert [one.tolist() for one in taken.maps] == [[[1], [1], [1]], [2, 0, 2]]
    doubled = x.changed(lambda tensor: 2 * tensor)
    assert doubled.values.tolist() == [[0, 2], [4, 6], [8, 10]]
    moved = Batch(x, torch.zeros(3), 2, torch.ones(3, 1)).to(torch.device("meta"))
    parts: list[Tensor | None] = [*moved.x[:3], *moved.x.maps, moved.y, moved.teacher_outputs]
    assert [part.device.type for part in parts if part is not None] == ["meta"] * 6
    assert moved.start == 2


def test_embeddings_are_compared_by_their_directions() -> None:
    family, answer = family_of("embedding"), OUTPUT.flip(0)
    lengths = [row.square().sum().sqrt() for row in OUTPUT]
    cosines = [
        (one * two).sum() / (a * b) for one, two, a, b in zip(OUTPUT, answer, lengths, lengths[::-1], strict=True)
    ]
    found = family.divergence(OUTPUT, 3 * answer, 2.0, FIGURES, FIGURES)
    torch.testing.assert_close(found, 1 - torch.stack(cosines).mean())
    assert family.mixable(OUTPUT, 2) is None
    assert family.mixing_mistake(0.5, None).endswith("set augment.cutmix=null.")
    assert family.mixing_mistake(None, 0.5).endswith("set augment.mixup=null.")
    with pytest.raises(TLError, match="its embeddings have 3 numbers, those here 2"):
        family.divergence(OUTPUT, torch.ones(3, 3), 2.0, FIGURES, FIGURES)
    assert family.start_mistake("auto") == ""
    assert family.start_mistake("ridge") == "head.init: ridge does not go with embeddings: use random."


KINDS_OF_SPACES = {*KINDS, "embedding"}


def asks_for_a_kind(tree: ast.AST) -> list[int]:
    """The lines that compare something with a kind of space, match on one, or look something up by all of them."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                words = [leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)]
            case ast.Match():
                cases = [case.pattern for case in node.cases]
                words = [leaf.value for one in cases for leaf in ast.walk(one) if isinstance(leaf, ast.Constant)]
            case ast.Dict():
                keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                words = keys if {*keys} >= KINDS_OF_SPACES else []
            case _:
                words = []
        if KINDS_OF_SPACES & {word for word in words if isinstance(word, str)}:
            found.append(getattr(node, "lineno", 0))
    return found


def test_asking_for_a_kind_is_seen() -> None:
    texts = ["x.kind == 'single'", "y if k in ('multi', 'number') else z", "match k:\n case 'number': 1"]
    texts += ["{'single': 1, 'multi': 2, 'number': 3, 'embedding': 4}[k]"]
    assert [len(asks_for_a_kind(ast.parse(text))) for text in texts] == [1, 1, 1, 1]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_family_is_asked_and_never_the_kind(path: Path) -> None:
    if path != SOURCE / "family.py":
        lines = asks_for_a_kind(ast.parse(path.read_text()))
        assert not lines, f"{path.name}:{lines[0]} asks for the kind of a space: give tl/family.py or the task a method"
