from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tests.components.data.listed import Listed, row, rows
from tests.tasks import load_data, task_of
from tl.components.data.base import Data
from tl.components.sample import Sample, Samples
from tl.errors import TLError
from tl.space import Space


def counts(data: Data, split: str) -> dict[str, int]:
    return dict(Counter(str(s.target) for s in data.splits[split]))


def ids(data: Data, split: str) -> set[str]:
    return {s.id for s in data.splits[split]}


def test_shares_that_give_whole_numbers_are_met_in_each_class() -> None:
    data = load_data(Listed(rows(a=40, b=20, c=10)))
    assert counts(data, "val") == {"a": 8, "b": 4, "c": 2}
    assert counts(data, "test") == {"a": 4, "b": 2, "c": 1}
    assert counts(data, "train") == {"a": 28, "b": 14, "c": 7}


@pytest.mark.parametrize("seed", range(20))
def test_totals_are_rounded_shares_and_classes_are_within_one(seed: int) -> None:
    sizes = {f"class {i}": random.Random(seed).randint(3, 40) for i in range(9)}
    data = load_data(Listed(rows(**sizes), split={"val": 0.15, "test": 0.25, "seed": seed}))
    total = sum(sizes.values())
    for split, share in (("val", 0.15), ("test", 0.25)):
        assert len(data.splits[split]) == math.floor(total * share + 0.5)
        for name, n in sizes.items():
            assert math.floor(n * share) <= counts(data, split).get(name, 0) <= math.ceil(n * share)
    assert sorted(ids(data, "train") | ids(data, "val") | ids(data, "test")) == sorted(s.id for s in rows(**sizes))


def test_every_class_keeps_a_training_sample() -> None:
    data = load_data(Listed(rows(a=50, b=1, c=2, d=1), split={"val": 0.45, "test": 0.45}))
    assert set(counts(data, "train")) == {"a", "b", "c", "d"}


def test_division_does_not_depend_on_the_order_of_rows_but_on_the_seed() -> None:
    samples = rows(a=30, b=30)
    shuffled = random.Random(1).sample(samples, len(samples))
    one, two = load_data(Listed(samples)), load_data(Listed(shuffled))
    assert one == two
    assert ids(load_data(Listed(samples, split={"seed": 1})), "test") != ids(one, "test")


def test_without_stratification_only_the_total_is_met() -> None:
    data = load_data(Listed(rows(a=90, b=10), split={"stratify": False, "val": 0.5, "test": 0.0}))
    assert len(data.splits["val"]) == 50
    assert "There is no test split." in data.notes


@pytest.mark.parametrize("seed", range(10))
def test_groups_stay_together(seed: int) -> None:
    chance = random.Random(seed)
    samples = [row(i, chance.choice("abc"), group=f"patient {chance.randrange(40)}") for i in range(400)]
    samples += [row(i, chance.choice("abc")) for i in range(400, 440)]
    data = load_data(Listed(samples, split={"seed": seed}))
    places = {
        s.group: {o.split for rows_ in data.splits.values() for o in rows_ if o.group == s.group} for s in samples
    }
    assert all(len(splits) == 1 for group, splits in places.items() if group is not None)
    assert len(data.splits["val"]) == pytest.approx(88, abs=12)
    assert len(data.splits["test"]) == pytest.approx(44, abs=12)
    for name in "abc":
        share = counts(data, "val")[name] / len(data.splits["val"])
        assert share == pytest.approx(sum(s.target == name for s in samples) / 440, abs=0.08)


def uneven_groups() -> list[Sample]:
    """25 groups of 1 to 25 samples of two classes, 325 samples in all."""
    sizes = [size for size in range(1, 26) for _ in range(size)]
    return [row(i, "ab"[i % 2], group=f"g{size}") for i, size in enumerate(sizes)]


def test_large_groups_are_tested_on_too_and_splits_keep_their_sizes_and_classes() -> None:
    samples = uneven_groups()
    tested = Counter[str]()
    for seed in range(60):
        data = load_data(Listed(samples, split={"val": 0.2, "test": 0.2, "seed": seed}))
        sizes = {name: len(split) for name, split in data.splits.items()}
        assert all(abs(sizes[name] - 65) <= 13 for name in ("val", "test")), sizes  # the mean group has 13 samples
        for name in ("train", "val", "test"):
            ones = sum(s.target == "a" for s in data.splits[name])
            assert 0.35 < ones / sizes[name] < 0.65
        tested.update({str(s.group) for s in data.splits["test"]})
    largest = sum(tested[f"g{size}"] for size in range(19, 26))
    assert largest / (60 * 7) == pytest.approx(0.2, abs=0.06)  # each group is tested on in a fifth of the divisions


def test_by_size_the_largest_groups_are_always_in_train() -> None:
    for seed in range(5):
        data = load_data(Listed(uneven_groups(), split={"val": 0.2, "test": 0.2, "groups": "by_size", "seed": seed}))
        assert {"g25", "g24", "g23"} <= {s.group for s in data.splits["train"]}


def test_a_class_in_one_group_only_is_learnt() -> None:
    samples = [row(i, "a", group=f"g{i // 4}") for i in range(40)] + [row(40 + i, "b", group="last") for i in range(3)]
    for seed in range(5):
        assert counts(load_data(Listed(samples, split={"seed": seed})), "train")["b"] == 3


def test_named_splits_are_kept_and_val_is_cut_from_train() -> None:
    samples = [*rows("training", a=20, b=20), *rows("testing", 100, a=3, b=3)]
    data = load_data(Listed(samples, split={"val": 0.1}))
    assert counts(data, "test") == {"a": 3, "b": 3}
    assert counts(data, "val") == {"a": 2, "b": 2}
    assert counts(data, "train") == {"a": 18, "b": 18}
    assert "The data names no val: cut from train are val (10%)." in data.notes


@pytest.mark.parametrize("name", ["val", "Validation", "valid", "dev"])
def test_synonyms_of_val(name: str) -> None:
    samples = [*rows("train", a=5, b=5), *rows(name, 10, a=2, b=2), *rows("test", 20, a=1, b=1)]
    data = load_data(Listed(samples))
    assert {split: len(found) for split, found in data.splits.items()} == {"train": 10, "val": 4, "test": 2}
    assert {s.split for s in data.splits["val"]} == {"val"}


def test_other_splits_may_lack_labels() -> None:
    odd = [row(100, None, "unlabelled"), row(101, "a", "target"), row(102, "zebra", "target")]
    data = load_data(Listed([*rows(a=10, b=10), *odd]))
    assert [s.target for s in data.splits["unlabelled"]] == [None]
    assert [s.target for s in data.splits["target"]] == ["a", None]
    assert any("'zebra'" in note and "target" in note for note in data.notes)
    assert data.space.names == ("a", "b")


def test_one_label_map_in_natural_order() -> None:
    data = load_data(Listed(rows(**{"class 10": 10, "class 2": 10, "class 1": 10, "b": 10})))
    assert data.space == Space("single", ("b", "class 1", "class 2", "class 10"))


def test_a_class_that_train_lacks_is_named_with_its_place() -> None:
    samples = [*rows("train", cat=5, dog=5), *rows("val", 10, cat=1, dgo=1), *rows("test", 20, cat=1)]
    with pytest.raises(TLError) as error:
        load_data(Listed(samples))
    assert str(error.value).startswith("rows.csv:13: the class 'dgo' occurs in val but not in train")
    assert str(error.value).endswith("Did you mean 'dog'?")


def test_a_class_that_val_lacks_is_noted() -> None:
    samples = [*rows("train", cat=5, dog=5), *rows("val", 10, cat=2), *rows("test", 20, cat=1, dog=1)]
    assert "val has no sample of 'dog'." in load_data(Listed(samples)).notes


def test_per_class_subsets_are_nested_and_leave_val_and_test() -> None:
    samples = rows(a=60, b=30, c=4)
    sizes = (1, 2, 5, 20, 100)
    found = [load_data(Listed(samples, per_class=n)) for n in sizes]
    whole = load_data(Listed(samples))
    for n, data in zip(sizes, found, strict=True):
        assert counts(data, "train") == {name: min(n, k) for name, k in counts(whole, "train").items()}
        assert data.splits["val"] == whole.splits["val"]
        assert data.splits["test"] == whole.splits["test"]
    for small, large in pairwise(found):
        assert ids(small, "train") <= ids(large, "train")


def test_limits_are_nested_proportional_and_keep_every_class() -> None:
    samples = rows(a=600, b=300, c=4)
    found = {n: load_data(Listed(samples, limit=n)) for n in (3, 30, 90)}
    assert counts(found[3], "train") == {"a": 1, "b": 1, "c": 1}
    assert counts(found[90], "train")["a"] == pytest.approx(60, abs=2)
    assert ids(found[3], "train") <= ids(found[30], "train") <= ids(found[90], "train")
    assert {split: len(kept) for split, kept in found[30].splits.items()} == {"train": 30, "val": 30, "test": 30}


def test_a_limit_below_the_number_of_classes_keeps_the_map_and_is_noted() -> None:
    data = load_data(Listed(rows(a=20, b=20, c=20), limit=2, balance="weights"))
    assert data.space.names == ("a", "b", "c")
    assert sorted(data.space.class_weights) == [0.0, 1.0, 1.0]
    assert "data.limit leaves training samples of 2 of 3 classes." in data.notes


def test_classes_are_kept_or_named_with_a_suggestion() -> None:
    data = load_data(Listed(rows(cat=10, dog=10, cow=10), classes=("cat", "cow")))
    assert data.space.names == ("cat", "cow")
    with pytest.raises(TLError, match=r"data\.classes: no sample has the class 'cta'\. Did you mean 'cat'\?"):
        load_data(Listed(rows(cat=10, dog=10), classes=("cta", "dog")))


def test_targets_of_chosen_classes_are_numbered_though_other_classes_were_left_out() -> None:
    data = load_data(Listed(rows(cat=4, dog=4, cow=4), classes=("dog", "cow"), split={"val": 0.0, "test": 0.0}))
    found = task_of(data.space).targets(data.splits["train"]).tolist()
    assert found == [data.space.names.index(str(sample.target)) for sample in data.splits["train"]]


def test_class_weights_are_inverse_frequencies_with_mean_one() -> None:
    samples = [*rows("train", a=3, b=1), *rows("val", 10, a=1, b=1), *rows("test", 20, a=1, b=1)]
    assert load_data(Listed(samples, balance="weights")).space.class_weights == pytest.approx((2 / 3, 2.0))
    assert load_data(Listed(samples, balance="sampling")).balanced_sampling


def test_a_label_counts_as_much_where_it_is_on_as_where_it_is_off() -> None:
    targets = [("a",), ("a", "b"), ("a",), ("a", "b"), ("a",), ("a",), ()]
    samples = [row(i, target, "train") for i, target in enumerate(targets)]
    data = load_data(Listed(samples, "multi", balance="weights", split={"val": 0.0, "test": 0.0}))
    space = data.space
    for name, weights in zip("ab", space.label_weights, strict=True):
        on = [int(name in target) for target in targets]
        assert weights == pytest.approx(compute_class_weight("balanced", classes=np.array([1, 0]), y=on))
    assert space.class_weights == ()
    wanted = [[0.0 + (name in (target)) for name in "ab"] for target in targets]
    assert data.task.targets(data.splits["train"]).tolist() == wanted


def test_a_label_that_all_samples_have_is_not_weighted() -> None:
    samples = [row(i, ("a", "b") if i else ("a",), "train") for i in range(4)]
    space = load_data(Listed(samples, "multi", balance="weights", split={"val": 0.0, "test": 0.0})).space
    assert space.label_weights == ((1, 1), (4 / 6, 4 / 2))


def test_numbers_get_mean_and_population_deviation_of_train() -> None:
    samples = [row(i, (float(i), 7.0), "train") for i in (1, 2, 3, 6)] + [row(9, (100.0, 0.0), "val")]
    data = load_data(Listed(samples, "number", ("size", "depth"), split={"test": 0.0}))
    assert data.space.names == ("size", "depth")
    assert data.space.mean == pytest.approx((3.0, 7.0))
    assert data.space.std == pytest.approx((math.sqrt(14 / 4), 1.0))
    assert data.task.targets(Samples.of(samples[1:2])).tolist() == [[2.0, 7.0]]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_must_be_finite(value: float) -> None:
    samples = [row(0, (1.0,)), row(1, (value,))]
    with pytest.raises(TLError, match=rf"^rows\.csv:3: 'size' is {value}, not a finite number"):
        load_data(Listed(samples, "number", ("size",)))


def test_a_class_that_was_not_learnt_suggests_the_nearest() -> None:
    space = Space("single", ("cat", "dog"))
    assert task_of(space).targets(Samples.of([row(1, "dog")])).tolist() == [1]
    with pytest.raises(TLError, match=r"The class 'dgo' is none that was learnt\. Did you mean 'dog'\?"):
        task_of(space).targets(Samples.of([row(1, "dgo")]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": {"val": 0.6, "test": 0.4}}, "data.split.val=0.6 and data.split.test=0.4 leave nothing to train on"),
        ({"limit": 1}, "data.limit=1 leaves fewer than 2 training samples"),
    ],
)
def test_impossible_keys(changes: dict[str, object], message: str) -> None:
    with pytest.raises(TLError) as error:
        load_data(Listed(rows(a=10, b=10), **changes))
    assert message in str(error.value)


@pytest.mark.parametrize("key", [{"per_class": 3}, {"balance": "sampling"}])
def test_keys_that_need_one_class_for_each_sample(key: dict[str, object]) -> None:
    with pytest.raises(TLError, match=next(iter(key))):
        load_data(Listed([row(i, ("a",)) for i in range(9)], "multi", **key))


def test_missing_labels_are_counted_at_the_first_place() -> None:
    with pytest.raises(TLError, match=r"^rows\.csv:7: the sample has no label \(and 1 more\)"):
        load_data(Listed([*rows(a=3, b=2), row(5, None), row(6, None)]))


def test_samples_that_cannot_be_learnt_from() -> None:
    with pytest.raises(TLError, match=r"single class \('a'\)"):
        load_data(Listed(rows(a=10)))
    with pytest.raises(TLError, match="There is 1 training sample: at least 2"):
        load_data(Listed([row(0, "a", "train"), row(1, "b", "val"), row(2, "b", "test")]))
    with pytest.raises(TLError, match=r"no training sample.*\(the splits here: target, test\)"):
        load_data(Listed([*rows("test", a=3), *rows("target", 10, a=3)]))
    with pytest.raises(TLError, match=r"^rows\.csv:9: the id 'row 0' is also in rows\.csv:2"):
        load_data(Listed([*rows(a=3, b=3), replace(row(7, "a"), id="row 0")]))


def test_fingerprint_follows_content() -> None:
    samples = rows(a=10, b=10)
    before = load_data(Listed(samples)).fingerprint
    assert load_data(Listed([replace(samples[0], input="other"), *samples[1:]])).fingerprint != before
    assert load_data(Listed([replace(s, where="elsewhere") for s in samples])).fingerprint == before
    assert load_data(Listed(samples, split={"seed": 5})).fingerprint != before


def test_the_val_of_the_data_can_be_the_test() -> None:
    own = [*rows("train", a=30, b=30), *rows("val", 100, a=5, b=5)]
    data = load_data(Listed(own, split={"val": 0.2, "test": "val"}))
    assert ids(data, "test") == {s.id for s in own if s.split == "val"}
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 48, "val": 12, "test": 10}
    assert data.notes == ("The data names no val: cut from train are val (20%).",)
    hint = "cut from train are test (10%) (data.split.test=val takes val for it instead)."
    assert load_data(Listed(own)).notes == (f"The data names no test: {hint}",)
    with pytest.raises(TLError, match=r"data.split.test=val: the data has no split val \(the splits here: train\)"):
        load_data(Listed(rows("train", a=9, b=9), split={"test": "val"}))
    whole = [*own, *rows("test", 200, a=5, b=5)]
    with pytest.raises(TLError, match="the data has a split test already"):
        load_data(Listed(whole, split={"test": "val"}))


def test_a_million_in_one_class_is_divided_as_a_few_are() -> None:
    """The rows of a stratum are dealt in the order of hashes of seed and id, here computed by hand."""
    data = load_data(Listed(rows(a=30, b=20), split={"val": 0.2, "test": 0.1}))
    for name, n, first in (("a", 30, 0), ("b", 20, 30)):
        order = sorted(
            (f"row {i}" for i in range(first, first + n)), key=lambda i: hashlib.sha256(f"0:{i}".encode()).digest()
        )
        assert {s.id for s in data.splits["val"] if s.target == name} == set(order[: n // 5])
        assert {s.id for s in data.splits["test"] if s.target == name} == set(order[n // 5 : n // 5 + n // 10])


def test_the_fingerprint_is_that_of_each_sample_in_natural_order() -> None:
    data = load_data(Listed([row(n, "ab"[n % 2]) for n in (10, 9, 100, 1, 2, 33, 4, 5, 6, 7)]))
    found = sorted((s for samples in data.splits.values() for s in samples), key=lambda s: int(s.id.split()[1]))
    total = hashlib.sha256(b"".join(repr((s.id, s.input, s.target, s.split)).encode() for s in found))
    assert data.fingerprint == total.hexdigest()[:16]


@pytest.mark.parametrize("values", [[1e300, -1e300, 5e299], [1e-50, 2e-50, 4e-50], [1e308, 1.5e308, 1.2e308]])
def test_numbers_beyond_float32_have_a_mean_and_a_deviation(values: list[float]) -> None:
    samples = [row(i, (value,), "train") for i, value in enumerate(values)]
    space = load_data(Listed(samples, "number", ("y",), split={"val": 0.0, "test": 0.0})).space
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / 3
    variance = sum((value - mean) ** 2 for value in exact) / 3
    assert space.mean == pytest.approx((float(mean),), rel=1e-12, abs=0)
    assert Fraction(space.std[0]) ** 2 / variance == pytest.approx(1, rel=1e-12)
    assert task_of(space).targets(Samples.of(samples)).tolist() == [[value] for value in values]
