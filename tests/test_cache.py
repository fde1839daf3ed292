"""Cached runs equal uncached ones bit for bit; the cache itself is bounded, shared, and survives kills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import IMAGE, SHORT, TEXT
from tests.test_trainer import equal, interrupt
from tl.errors import Stopped

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]
SCHEDULES = {
    "probe": ["freeze=linear_probe"],
    "probe, then all": ["freeze=linear_then_all", "freeze.probe=50%"],
    "top": ["freeze=top_k", "freeze.stages=1"],
    "gradual": ["freeze=gradual", "freeze.every=3step"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def same(a: Path, b: Path, rows: Rows) -> bool:
    return equal(a, b) and rows(a) == rows(b) and rows(a, "val") == rows(b, "val")


def notes(run: Path) -> str:
    return "\n".join(line for line in (run / "log.txt").read_text().splitlines() if "cache: " in line)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_cached_equals_uncached(kind: list[str], schedule: list[str], train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*kind, *SHORT, *schedule, f"cache.folder={folder}", "optimizer.lr=0.003"]
    without = train(*recipe, "cache.use=never")
    cold, warm = train(*recipe, "cache.use=always"), train(*recipe, "cache.use=always")
    assert "computed once" not in notes(without)
    assert "computed once" in notes(cold)
    assert "computed once" not in notes(warm)
    assert "is read back" in notes(warm)
    assert same(without, cold, rows)
    assert same(without, warm, rows)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_fixed_views_are_cached_and_equal(kind: list[str], train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*kind, *SHORT, *SCHEDULES["top"], f"cache.folder={folder}", "loop.views=3"]
    recipe += ["augment=text" if kind is TEXT else "augment=image"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe, "cache.use=always")
    assert "train computed once" in notes(cached)
    assert same(without, cached, rows)
    other = train(*recipe, "cache.use=always", "loop.views=2")
    assert "train computed once" in notes(other)


@pytest.mark.parametrize("at", [2, 7])
def test_a_cached_run_resumes_bit_for_bit(
    at: int, train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = [*TEXT, *SHORT, *SCHEDULES["gradual"], f"cache.folder={folder}", "loop.ema=0.9"]
    whole = train(*recipe, "cache.use=never")
    with monkeypatch.context() as patch:
        interrupt(at, patch)
        with pytest.raises(Stopped):
            train(*recipe, "cache.use=always")
    halted = max(p for p in (tmp_path / "runs" / "base").iterdir() if p != whole)
    assert same(whole, train(resume=halted), rows)


@pytest.mark.parametrize(
    "augment, reason",
    [
        (["augment=image", "augment.mixup=0.2"], "mixup and cutmix need the inputs at every step"),
        (["augment=image"], "each reading is augmented anew; loop.views=4 would fix 4 views"),
    ],
)
def test_it_steps_aside_and_says_why(augment: list[str], reason: str, train: Train, folder: Path) -> None:
    run = train(*IMAGE, *SHORT, *SCHEDULES["top"], *augment, f"cache.folder={folder}", "cache.use=always")
    assert notes(run).count(f"cache: not used for train: {reason}.") == 1


def test_a_teachers_answers_are_read_back(train: Train, rows: Rows, folder: Path) -> None:
    teacher = train(*IMAGE, *SHORT, "name=teacher", "freeze=full")
    recipe = [*IMAGE, *SHORT, "method=distill", f"method.teacher={teacher}", "freeze=full", f"cache.folder={folder}"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe, "cache.use=always")
    assert "the teacher's answers to train computed once" in notes(cached)
    terms = [[row["distill"] for row in rows(run)] for run in (without, cached)]
    assert terms[0] == pytest.approx(terms[1], rel=1e-4)


def test_another_backbone_or_other_data_are_other_entries(train: Train, folder: Path) -> None:
    recipe = [*TEXT, *SHORT, *SCHEDULES["probe"], f"cache.folder={folder}", "cache.use=always"]
    train(*recipe)
    for change in ("backbone.weights=none", "data.n=150", "backbone.max_length=12"):
        assert "train computed once" in notes(train(*recipe, change)), change
    assert "computed once" not in notes(train(*recipe, "seed=0", "head=mlp", "optimizer.lr=0.1"))


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_rounded_storage_stays_near(dtype: str, train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*IMAGE, *SHORT, *SCHEDULES["probe"], f"cache.folder={folder}", "cache.use=always", "optimizer.lr=0.0002"]
    exact, rounded = (rows(train(*recipe, f"cache.dtype={kind}")) for kind in ("same", dtype))
    assert [row["loss"] for row in rounded] == pytest.approx([row["loss"] for row in exact], rel=0.02)
    assert rounded != exact


def test_pictures_are_decoded_once(train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*IMAGE, *SHORT, "freeze=full", f"cache.folder={folder}"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe)
    assert "the pictures of train computed once" in notes(cached)
    assert same(without, cached, rows)


@pytest.mark.parametrize("what", ["a file", "unwritable"])
def test_a_cache_that_cannot_be_written_is_said_and_done_without(
    what: str, train: Train, rows: Rows, tmp_path: Path
) -> None:
    place = tmp_path / "file" if what == "a file" else Path("/proc/tl")
    (tmp_path / "file").write_text("")
    recipe = [*TEXT, *SHORT, *SCHEDULES["probe"]]
    run = train(*recipe, "cache.use=always", f"cache.folder={place}")
    assert notes(run).count(f"cache: not used for train: {place}") == 1
    assert same(train(*recipe, "cache.use=never"), run, rows)


def test_weights_that_learnt_in_between_are_other_entries(
    train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts learn first, then the head alone: the second phase must not read what the first began from."""
    from tl.freeze.linear_then_all import LinearThenAll

    phases = LinearThenAll.phases

    def reversed_phases(schedule: LinearThenAll, parts: Any) -> Any:
        first, second = phases(schedule, parts)
        return (replace(first, train=second.train), replace(second, train=first.train))

    monkeypatch.setattr(LinearThenAll, "phases", reversed_phases)
    recipe = [*TEXT, *SHORT, *SCHEDULES["probe, then all"], f"cache.folder={folder}", "optimizer.lr=0.01"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe, "cache.use=always")
    assert same(without, cached, rows)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_the_prefix_gives_what_the_whole_model_computes(kind: list[str]) -> None:
    """Against the model's own forward on the batch as it is, for every cut."""
    import torch

    from tl.assemble import assemble
    from tl.items import Draw
    from tl.prefix import Fresh, Place, Prefix
    from tl.recipe import load

    assembly = assemble(load("base", kind))
    model, items = assembly.model.eval(), assembly.items("train")
    plan = [[Draw(number, 0) for number in (7, 3, 50, 11, 30)]]
    (batch,) = items.batches(iter(plan))
    with torch.no_grad():
        whole = model.features(batch.x)
        for cut in range(1, len(model.backbone.stages()) + 2):
            (ready,) = Fresh(items, Prefix(model.backbone, [cut], Place(torch.device("cpu")))).batches(iter(plan))
            assert ready.start == cut
            assert torch.equal(ready.y, batch.y)
            torch.testing.assert_close(model.features(ready.x, ready.start), whole, rtol=1e-4, atol=1e-5)
