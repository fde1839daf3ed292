"""The loop against a flat twin, the big batch, and itself interrupted."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import IMAGE, SHORT, TEXT
from tests.flat_twin import twin
from tl.errors import Stopped, TLError
from tl.recipe.registry import options

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]
Resumed = Callable[..., tuple[Path, Path]]
FLAT = [
    "loop.bucket=false",
    "loop.batch_norm=update",
    "head.init=random",
    "head.standardize=false",
    "optimizer.warmup=0%",
    "optimizer.schedule_span=run",
    "optimizer.head_factor=1",
]


def losses(rows: list[dict[str, Any]]) -> list[float]:
    return [row["loss"] for row in rows]


def weights(run: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(run / "model.safetensors")


def equal(a: Path, b: Path) -> bool:
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_losses_equal_those_of_a_flat_loop(kind: list[str], train: Train, rows: Rows) -> None:
    from tl.commands.assemble import assemble
    from tl.recipe.recipe import load

    recipe = [*kind, *SHORT, *FLAT, "freeze.probe=50%", "freeze.lr_after=0.1", "optimizer.lr=0.002"]
    run = train(*recipe)
    expected = twin(
        assemble(load("base", recipe)), steps=12, batch=16, probe_steps=6, lr=0.002, lr_after=0.1, decay=0.01
    )
    assert losses(rows(run)) == expected


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_half_precision_stays_near_full_precision_and_keeps_full_weights(
    kind: list[str], train: Train, rows: Rows
) -> None:
    recipe = [*kind, *SHORT, "freeze=full", "optimizer.lr=0.0002"]
    full, half = train(*recipe), train(*recipe, "loop.precision=bf16")
    assert losses(rows(half)) == pytest.approx(losses(rows(full)), rel=0.05)
    assert losses(rows(half)) != losses(rows(full))
    kept = {name: value.dtype for name, value in weights(half).items() if value.is_floating_point()}
    moments = {"head.mean": torch.float64, "head.std": torch.float64}  # of numbers to predict, such as dates
    assert moments.items() <= kept.items()
    assert {dtype for name, dtype in kept.items() if name not in moments} == {torch.float32}


@pytest.mark.parametrize("device_batch", [1, 5, 8])
def test_accumulation_equals_the_big_batch(device_batch: int, train: Train, rows: Rows) -> None:
    recipe = [*TEXT, *SHORT, "freeze=linear_probe", "head.standardize=false", "optimizer.lr=0.01"]
    whole = losses(rows(train(*recipe)))
    pieces = losses(rows(train(*recipe, f"loop.device_batch={device_batch}")))
    assert pieces == pytest.approx(whole, rel=1e-5)


def interrupt(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run hears SIGTERM after that many steps, once."""
    from tl.training.signals import StopSignals

    asked = iter(range(1, 10_000))
    monkeypatch.setattr(StopSignals, "pending", lambda self, save: (15 if next(asked) == at else 0, save))


@pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.slow), 5, pytest.param(6, marks=pytest.mark.slow), 9])
@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_resuming_equals_never_stopping(
    kind: list[str], at: int, train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = [*kind, *SHORT, "freeze=linear_then_all", "freeze.probe=50%", "loop.ema=0.9", "loop.log_every=2step"]
    recipe += ["augment=text" if kind is TEXT else "augment=image", "optimizer.lr=0.005", "loop.batch_norm=update"]
    whole = train(*recipe)
    with monkeypatch.context() as patch:
        interrupt(at, patch)
        with pytest.raises(Stopped) as stopped:
            train(*recipe)
    assert stopped.value.exit_code == 143
    halted = max(p for p in (tmp_path / "runs" / "base").iterdir() if p != whole)
    resumed = train(resume=halted)
    assert resumed == halted
    assert equal(whole, resumed)
    assert rows(whole) == rows(resumed)
    assert rows(whole, "val") == rows(resumed, "val")


def two_domains(folder: Path) -> Path:
    """The built-in shapes as picture files, and as an unlabelled target domain the same in negative."""
    from PIL import ImageOps

    from tests.tasks import load_data
    from tl.components.picture import open_image
    from tl.recipe.build import build
    from tl.recipe.recipe import load

    data = load_data(build(load("base", IMAGE).data))
    for split, samples in {**data.splits, "target": data.splits["train"]}.items():
        for number, sample in enumerate(samples):
            place = folder / "shapes" / split / str(sample.target)
            place.mkdir(parents=True, exist_ok=True)
            image = open_image(sample.input)
            (ImageOps.invert(image) if split == "target" else image).save(place / f"{number}.png")
    return folder / "shapes"


@pytest.mark.parametrize("method", sorted(options("method")))
def test_every_method_learns_and_resumes(
    method: str, train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = ["data=image_folder", f"data.root={two_domains(tmp_path)}", *IMAGE[2:]] if method == "dann" else IMAGE
    recipe = [*base, *SHORT, "freeze=full", f"method={method}", "optimizer.lr=0.003", "loop.length=24step"]
    if method == "distill":
        teacher = train(*IMAGE, *SHORT, "name=teacher", "freeze=full")
        recipe += [f"method.teacher={teacher}"]
    whole = train(*recipe)
    task = [row["task"] for row in rows(whole)]
    assert sum(task[-4:]) < 0.8 * sum(task[:4])
    with monkeypatch.context() as patch:
        interrupt(7, patch)
        with pytest.raises(Stopped):
            train(*recipe)
    halted = max(p for p in (tmp_path / "runs" / "base").iterdir() if p != whole)
    assert equal(whole, train(resume=halted))
    assert rows(whole) == rows(halted)


def tiny_bert(folder: Path) -> Path:
    """A BERT of two layers without dropout or batch norm, so that nothing differs between one process and several."""
    import shutil

    from transformers import BertConfig, BertModel

    from tl.components.backbone.tiny_text import TOKENIZER

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=5000, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder / "bert")
    shutil.copy(TOKENIZER, folder / "bert" / "tokenizer.json")
    return folder / "bert"


def test_frozen_parts_are_bit_equal_with_their_buffers(train: Train) -> None:
    from tl.commands.assemble import assemble
    from tl.recipe.recipe import load

    recipe = [*IMAGE, *SHORT, "freeze=top_k", "freeze.stages=1", "optimizer.lr=0.01", "loop.ema=0.5"]
    before = assemble(load("base", recipe)).model
    after = weights(train(*recipe))
    names = list(before.parts())
    deepest = names[-2]
    changed = set()
    for part, module in before.parts().items():
        prefix = next(name for name, m in before.named_modules() if m is module)
        for key, value in module.state_dict().items():
            if not torch.equal(value, after[f"{prefix}.{key}"]):
                changed.add(part)
    assert deepest in changed
    assert "head" in changed
    assert changed == {deepest, "head"}


def test_an_average_that_no_step_has_updated_does_not_replace_the_model(train: Train) -> None:
    recipe = [*IMAGE, *SHORT, "head=nearest_mean", "freeze=linear_probe"]
    assert equal(train(*recipe), train(*recipe, "loop.ema=0.9"))


def test_an_unknown_metric_stops_before_training(train: Train) -> None:
    with pytest.raises(TLError, match=r"'acuracy' is no metric of one class\. Did you mean 'accuracy'\?"):
        train(*TEXT, *SHORT, "loop.best=acuracy")


def test_early_stopping_ends_the_run_and_keeps_the_best(train: Train, rows: Rows) -> None:
    recipe = [*TEXT, *SHORT, "freeze=linear_probe", "loop.length=200step", "loop.patience=2", "optimizer.lr=1e-30"]
    run = train(*recipe)
    assert len(rows(run, "val")) == 3
    assert rows(run, "val")[-1]["step"] == 12


def test_watching_unfreezes_on_a_stall_and_stops_when_it_does_not_pay(train: Train, rows: Rows) -> None:
    recipe = [*TEXT, *SHORT, "freeze=watch", "freeze.patience=1", "loop.length=400step", "optimizer.lr=1e-30"]
    run = train(*recipe)
    phases = list(dict.fromkeys(row["phase"] for row in rows(run)))
    assert len(phases) == 2
    assert rows(run)[-1]["step"] < 400


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_the_finder_leaves_no_trace(
    kind: list[str], forget_accelerate: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tl.cli.printing.progress import Quiet
    from tl.commands.finetune import find_rates
    from tl.commands.prepare import prepare
    from tl.recipe.recipe import load
    from tl.training.finder import Sweep, find_rate

    monkeypatch.setattr("tl.training.finder._SWEEPS", 1)
    recipe = load("base", [*kind, *SHORT, "freeze=full", "head.init=random", "head.standardize=false"])
    ready = prepare(recipe)
    assembly, plan = ready.assembly, ready.plan
    job = ready.job(ready.supply(print))
    before = {key: value.clone() for key, value in assembly.model.state_dict().items()}
    rng = torch.get_rng_state()
    found = find_rate(job, plan, Sweep(plan.spans[0].phase, (1e-6, 1.0), 1.0), ready.accelerator.device)
    after = assembly.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert torch.equal(rng, torch.get_rng_state())
    assert all(p.grad is None for p in assembly.model.parameters())
    assert found.suggestion == found.edge / 10
    assert 1e-5 < found.suggestion < 0.1
    if kind is TEXT:
        assert find_rates(recipe, Quiet()).keys() == {"full"}


@pytest.mark.parametrize("every, times", [("4step", 4), ("0.00001min", 13), ("60min", 1)])
def test_checkpoints_are_written_by_steps_or_by_the_clock(
    every: str, times: int, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tl.run.run import Run

    written: list[dict[str, Any]] = []
    write = Run.checkpoint
    monkeypatch.setattr(
        Run, "checkpoint", lambda run, step, states: (written.append(dict(states)), write(run, step, states))[1]
    )
    run = train(*TEXT, *SHORT, f"loop.save_every={every}", "loop.keep_checkpoints=true")
    assert len(written) == times
    holds_best = [states.get("best") is not None for states in written]
    assert holds_best[-1]
    assert holds_best == sorted(holds_best), "each checkpoint from the first evaluation on has best weights of its own"
    assert {int(path.name) for path in (run / "checkpoints").iterdir()} == {max(1, times - 1), times}


def poisoned(patch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """The head's loss is not a number at these steps."""
    from tl.components.method.finetune import Finetune

    loss, seen = Finetune.loss, [0]

    def poison(method: Finetune, model: Any, batch: Any) -> dict[str, torch.Tensor]:
        seen[0] += 1
        return {
            name: value * float("nan" if seen[0] in steps else 1) for name, value in loss(method, model, batch).items()
        }

    patch.setattr(Finetune, "loss", poison)


def test_a_loss_that_is_not_finite_stops_at_its_step_and_names_its_samples(
    train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tl.run.checkpoint import Checkpoints

    with monkeypatch.context() as patch:
        poisoned(patch, {6})
        with pytest.raises(TLError, match=r"is not finite at step 6 \(samples \d{5}, ") as caught:
            train(*TEXT, *SHORT, "loop.log_every=10step", "loop.eval_every=10step", "loop.save_every=2step")
    (run,) = (tmp_path / "runs" / "base").iterdir()
    bad = json.loads((run / "bad_step.json").read_text())
    assert (bad["step"], len(bad["samples"]["train"])) == (6, 16)
    assert bad["samples"]["train"][0] in str(caught.value)
    last = Checkpoints(run / "checkpoints").latest(print)
    assert last is not None
    assert last.step == 4
    assert all(bool(value.isfinite().all()) for value in last.load("last")["model"].values())
    assert equal(train(resume=run), train(*TEXT, *SHORT, "loop.log_every=10step", "loop.eval_every=10step"))


def test_some_steps_whose_loss_is_not_finite_may_be_skipped(
    train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        poisoned(patch, {3, 7})
        run = train(*TEXT, *SHORT, "loop.skip_bad=2")
    assert [row["step"] for row in rows(run)] == [1, 2, 4, 5, 6, 8, 9, 10, 11, 12]
    assert all(bool(value.isfinite().all()) for value in weights(run).values())
    log = (run / "log.txt").read_text()
    assert "The loss is not finite at step 7: skipped (2 of at most 2)." in log
    with monkeypatch.context() as patch:
        poisoned(patch, {3, 7, 9})
        with pytest.raises(TLError, match=r"not finite at step 9 .* or raise loop\.skip_bad=2\. "):
            train(*TEXT, *SHORT, "loop.skip_bad=2")


def test_a_run_whose_time_is_over_stops_with_a_checkpoint(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "setitimer", lambda which, seconds: None)  # the time is long over before training
    with pytest.raises(Stopped, match=r"loop.max_time is over: stopped after step 1 of 12\. Go on with") as caught:
        train(*TEXT, *SHORT, "loop.max_time=0.0001min")
    assert caught.value.exit_code == 128 + 14
    (run,) = (tmp_path / "runs" / "base").iterdir()
    with pytest.raises(Stopped, match="after step 2 of 12"):
        train(resume=run)


def test_out_of_memory_halves_what_is_taken_at_once_and_changes_nothing_else(
    train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tl.components.method.finetune import Finetune

    recipe = [*TEXT, *SHORT, "freeze.probe=50%", "loop.save_every=3step"]
    small = train(*recipe, "loop.device_batch=4")
    loss = Finetune.loss

    def full(method: Finetune, model: Any, batch: Any) -> dict[str, torch.Tensor]:
        if len(batch["train"].y) > 4 and batch["train"].start == 0:
            raise torch.OutOfMemoryError
        return loss(method, model, batch)

    monkeypatch.setattr(Finetune, "loss", full)
    halved = train(*recipe, "loop.device_batch=16", "cache.use=never")
    log = (halved / "log.txt").read_text()
    assert log.count("Out of memory at step 7: from here on loop.device_batch is 8.") == 1
    assert log.count("Out of memory at step 7: from here on loop.device_batch is 4.") == 1
    assert losses(rows(halved))[6:] == pytest.approx(losses(rows(small))[6:], rel=1e-5)


def test_out_of_memory_with_one_sample_is_a_mistake(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    from tl.components.method.finetune import Finetune

    def full(*_: Any) -> dict[str, torch.Tensor]:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Finetune, "loss", full)
    with pytest.raises(TLError, match=r"Out of memory at step 1 with loop\.device_batch=1: set a smaller"):
        train(*TEXT, *SHORT)


def test_a_bad_step_is_replayed_to_the_module_and_the_samples(
    train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forget_accelerate: Callable[[], None]
) -> None:
    from tl.cli.printing.progress import Quiet
    from tl.commands.replay import replay
    from tl.components.backbone.tiny_text import TinyText

    recipe = [*TEXT, *SHORT, "freeze=full", "loop.device_batch=8", "loop.save_every=2step", "loop.log_every=12step"]
    pool = TinyText.pool

    def poison(backbone: TinyText, x: Any) -> torch.Tensor:
        """The features of one text are not finite whenever it is seen."""
        found = pool(backbone, x)
        if not backbone.training:
            return found
        wrong = (x.values.detach().abs().sum((1, 2)) * 1e3).long() % 97 == 5
        return torch.where(wrong[:, None], float("nan"), found)

    monkeypatch.setattr(TinyText, "pool", poison)
    with pytest.raises(TLError, match=r"not finite at step"):
        train(*recipe, "loop.eval_every=12step")
    (run,) = (tmp_path / "runs" / "base").iterdir()
    forget_accelerate()
    found = replay(run, Quiet())
    assert found.came
    assert found.module == "model.backbone"
    assert len(found.samples) >= 1
    assert set(found.samples) <= set(json.loads((run / "bad_step.json").read_text())["samples"]["train"])
    monkeypatch.setattr(TinyText, "pool", pool)
    forget_accelerate()
    assert not replay(run, Quiet()).came
    with pytest.raises(TLError, match="no step of it had a loss that is not finite"):
        replay(train(*TEXT, *SHORT), Quiet())
