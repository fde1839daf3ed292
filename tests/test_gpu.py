"""What only a CUDA GPU can show. TL_GPU_TESTS_ON=cpu rehearses on a CPU what needs no CUDA; `make gpu` runs all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.test_trainer import equal, interrupt
from tests.user_data import masks, names
from tl.components.backbone import tiny_text
from tl.components.method.finetune import Finetune
from tl.errors import Stopped
from tl.inputs.streams import Stream
from tl.inputs.workers import spread
from tl.run.environment import lacks_to_compile
from tl.run.run import Run
from tl.training.step import Stepper

DEVICE = os.environ.get("TL_GPU_TESTS_ON", "cuda")
HAS_CUDA = torch.cuda.is_available()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not HAS_CUDA, reason="torch sees no CUDA GPU"),
]
needs_cuda = pytest.mark.skipif(not HAS_CUDA, reason="a CPU has nothing of the kind")

LENGTH = ["loop.length=12step", "loop.log_every=1step", "loop.eval_every=4step", "loop.bootstrap=20", "loop.batch=16"]
COMMON = [
    *LENGTH,
    f"loop.device={DEVICE}",
    "data.n=160",
    "loop.device_batch=16",
    "optimizer.lr=0.0003",
    "loop.workers=0",
]
TEXT = ["data=tiny_sentences", "backbone=tiny_text", "freeze=full", *COMMON]
IMAGE = ["data=tiny_shapes", "backbone=tiny_image", "freeze=full", "augment=image", *COMMON]
KINDS = pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def no_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kernel draws its own values to drop, so that losses of two precisions or devices cannot be compared."""
    monkeypatch.setattr(tiny_text, "DROPOUT", 0.0)


def losses(rows: list[dict[str, Any]]) -> list[float]:
    return [row["loss"] for row in rows if row["split"] == "train"]


@KINDS
@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp16", marks=needs_cuda)])
def test_half_precision_learns_what_single_precision_learns(
    kind: list[str], precision: str, train: Train, rows: Rows, no_dropout: None
) -> None:
    if precision == "bf16" and DEVICE == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this GPU does not compute in bf16")
    whole, half = (losses(rows(train(*kind, f"loop.precision={name}"))) for name in ("no", precision))
    assert len(half) == len(whole) == 12
    assert half[0] == pytest.approx(whole[0], rel=0.02)  # eight bits of mantissa: 0.4 % for a number
    assert half[-1] == pytest.approx(whole[-1], rel=0.2, abs=0.05)


@needs_cuda
def test_batches_of_workers_lie_in_pinned_memory() -> None:
    found = list(spread(_ones, iter([3, 4, 5]), 2, describe=str, pin=True))
    assert [tensor.numel() for tensor in found] == [3, 4, 5]
    assert all(tensor.is_pinned() for tensor in found)
    moved = [tensor.to("cuda", non_blocking=True) for tensor in found]
    torch.cuda.synchronize()
    assert [float(tensor.sum()) for tensor in moved] == [3, 4, 5]


def _ones(count: int) -> torch.Tensor:
    return torch.ones(count)


@needs_cuda
@KINDS
@pytest.mark.parametrize("workers", [0, 2])
def test_no_step_waits_for_the_device(
    kind: list[str], workers: int, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that waits lets the device idle while the next step's work is prepared; torch raises where one would."""
    parts: tuple[tuple[type, str], ...] = ((Stepper, "_take"), (Stream, "_piece"))
    watched: list[str] = []
    for owner, name in parts:
        monkeypatch.setattr(owner, name, _without_waiting(getattr(owner, name), watched))
    train(*kind, "loop.precision=bf16", "loop.log_every=12step", "loop.eval_every=12step", f"loop.workers={workers}")
    assert watched.count("_take") == watched.count("_piece") == 12 - 3
    number = torch.ones((), device="cuda")
    with pytest.raises(RuntimeError, match="synchroniz"):  # what waits is found
        _without_waiting(number.item, watched, first=0)()


def _without_waiting(method: Callable[..., Any], watched: list[str], first: int = 3) -> Callable[..., Any]:
    """The method, in which torch raises where it waits for the device, from call `first` on."""
    calls = iter(range(1_000_000))

    def called(*given: Any) -> Any:
        strict = next(calls) >= first
        if strict:
            watched.append(method.__name__)
        torch.cuda.set_sync_debug_mode("error" if strict else "default")
        try:
            return method(*given)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    return called


@KINDS
def test_what_fits_at_once_is_found_out_and_changes_no_loss(kind: list[str], train: Train, rows: Rows) -> None:
    told, found = train(*kind), train(*kind, "loop.device_batch=auto")
    assert Run.open(found).meta["device_batch"] == 16, "a tiny model fits whole"
    assert "16 of the 16 samples of a step fit at once" in (found / "log.txt").read_text()
    assert losses(rows(found)) == pytest.approx(losses(rows(told)), rel=1e-4)


@KINDS
def test_a_step_that_memory_does_not_suffice_for_is_halved(
    kind: list[str], train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than eight samples ask the device for more memory than any has."""
    smaller = losses(rows(train(*kind, "augment=none", "loop.device_batch=8")))
    loss = Finetune.loss

    def greedy(method: Finetune, model: Any, streams: Any) -> dict[str, torch.Tensor]:
        if len(streams["train"].y) > 8:
            if DEVICE == "cuda":
                torch.empty(1 << 50, dtype=torch.uint8, device=DEVICE)
            raise torch.OutOfMemoryError
        return loss(method, model, streams)

    monkeypatch.setattr(Finetune, "loss", greedy)
    run = train(*kind, "augment=none")
    assert "Out of memory at step 1: from here on loop.device_batch is 8." in (run / "log.txt").read_text()
    assert losses(rows(run)) == pytest.approx(smaller, rel=1e-3)


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_that_workers_read_are_those_that_are_read_here(workers: int, train: Train) -> None:
    recipe = [*IMAGE, "loop.deterministic=true", "cache.use=never"]
    assert equal(train(*recipe), train(*recipe, f"loop.workers={workers}"))


@KINDS
@pytest.mark.skipif(lacks_to_compile() is not None, reason=str(lacks_to_compile()))
def test_a_compiled_step_learns_the_same(kind: list[str], train: Train, rows: Rows) -> None:
    plain, compiled = (
        losses(rows(train(*kind, "loop.precision=no", f"loop.compile={on}"))) for on in ("false", "true")
    )
    assert compiled == pytest.approx(plain, rel=0.01, abs=0.01)


@KINDS
def test_cached_activations_are_those_that_are_computed(
    kind: list[str], train: Train, rows: Rows, tmp_path: Path
) -> None:
    """Kernels are chosen by the batch's size, so on a GPU the last bits differ."""
    recipe = [*kind, "augment=none", "freeze=top_k", "freeze.stages=1", f"cache.folder={tmp_path / 'cache'}"]
    recipe += ["loop.precision=no"]
    computed, cached, read = (losses(rows(train(*recipe, f"cache.use={use}"))) for use in ("never", "always", "always"))
    assert cached == pytest.approx(computed, rel=1e-3)
    assert read == cached


@KINDS
def test_a_resumed_run_is_bit_equal(
    kind: list[str], train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = [*kind, "loop.deterministic=true", "loop.ema=0.9", "freeze=linear_then_all", "freeze.probe=50%"]
    whole = train(*recipe)
    with monkeypatch.context() as patch:
        interrupt(5, patch)
        with pytest.raises(Stopped):
            train(*recipe)
    (halted,) = (path for path in (tmp_path / "runs" / "base").iterdir() if path != whole)
    assert equal(train(resume=halted), whole)


@pytest.mark.parametrize("kind", ["tokens", "maps"])
def test_tasks_of_tokens_and_of_maps_learn_what_they_learn_on_a_cpu(
    kind: str, train: Train, rows: Rows, tmp_path: Path, no_dropout: None
) -> None:
    """Single precision; the metrics of what is predicted are held to those of the CPU, too."""
    folder = tmp_path / kind
    folder.mkdir()
    if kind == "tokens":
        names(folder)
        recipe = ["data=conll", f"data.file={folder / 'names.conll'}", "backbone=tiny_text"]
    else:
        masks(folder)
        recipe = ["data=mask_folder", f"data.root={folder}", "backbone=tiny_image"]
    recipe += [*LENGTH, "freeze=linear_then_all", "freeze.probe=50%", "optimizer.lr=0.0003", "loop.precision=no"]
    there, here = (rows(train(*recipe, f"loop.device={device}")) for device in (DEVICE, "cpu"))
    assert losses(there) == pytest.approx(losses(here), rel=1e-2)
    half = losses(rows(train(*recipe, f"loop.device={DEVICE}", "loop.precision=bf16")))
    assert half[0] == pytest.approx(losses(here)[0], rel=0.03)


@pytest.fixture(autouse=True)
def _as_much_memory_as_before() -> Iterator[None]:
    yield
    if HAS_CUDA:
        torch.cuda.empty_cache()
