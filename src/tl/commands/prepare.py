"""From a recipe to all that a run needs, built and ready to train on this machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from accelerate import Accelerator

from tl.commands.assemble import Assembly, assemble, provenance
from tl.commands.doubts import recipe_doubts
from tl.commands.settle import settle, start_accelerator, with_device_batch
from tl.commands.validate import validation
from tl.commands.warmup import unfinished_warmups
from tl.components.freeze.layout import lay_out
from tl.components.model import Model
from tl.errors import TLError
from tl.evaluation.evaluator import Evaluator, best_metric
from tl.inputs.activations import Activations
from tl.inputs.streams import Stream, forward_batch
from tl.inputs.supply import ReadingPlan, Supply
from tl.metrics.catalogue import Metric
from tl.place import Place, Share
from tl.recipe.recipe import Recipe
from tl.rng import derive
from tl.run.run import Run
from tl.training.capacity import Capacity, Trial, capacity
from tl.training.job import Job, Plan, Validated
from tl.training.statistics import chosen_batches, estimate, refuse_lone_samples
from tl.training.step import Step


@dataclass(frozen=True)
class Prepared:
    """A recipe, settled and assembled on its device; `notes` are lines on what was decided on the way."""

    accelerator: Accelerator
    assembly: Assembly
    streams: Mapping[str, Stream]
    evaluator: Evaluator
    plan: Plan
    notes: tuple[str, ...]

    @property
    def recipe(self) -> Recipe:
        """The settled recipe."""
        return self.assembly.recipe

    def lines(self) -> Iterator[str]:
        """What the user should know before the run begins."""
        yield from (*self.recipe.notes, *self.assembly.data.notes)
        yield from (*self.assembly.model.backbone.description_lines(), *self.notes)
        train = self.streams["train"]
        yield from recipe_doubts(self.recipe.nodes(), self.recipe.loop, self.assembly.data)
        yield from unfinished_warmups(self.assembly.optimizer, self.plan.spans, self.plan.total, train.epoch)
        if cut := train.source.truncation():
            yield f"train: {cut}"
        if padded := train.padding():
            remedy = "" if self.recipe.loop.bucket else " (loop.bucket=true spares some)"
            yield f"padding: {padded:.0%} of an epoch's tokens{remedy}"

    def supply(self, say: Callable[[str], None]) -> Supply:
        """What each phase reads; `say` gets a line on what is cached."""
        recipe, evaluator, model = self.recipe, self.evaluator, self.assembly.model.to(self.evaluator.device)
        place = Place(evaluator.device, share=evaluator.share)
        activations = Activations(model, provenance(recipe, model.backbone), recipe.cache, place, say)
        averaged = recipe.loop.ema is not None
        plan = ReadingPlan(self.plan.spans, self.plan.eval_every, recipe.loop.precision, averaged)
        plain = {split: self.assembly.items(split) for split in ("train", "val")}
        return Supply(model, self.assembly.method, self.streams, plain, plan, activations)

    def job(self, supply: Supply) -> Job:
        """What is trained, and what it reads."""
        assembly = self.assembly

        loop = assembly.recipe.loop
        needs_error = loop.keep_weights == "one_standard_error" or loop.patience == "auto"
        judge = validation(assembly.items("val"), self.plan.metric.name, needs_error)

        def evaluate(model: Model) -> Validated | None:
            if not len(supply.val):
                return None
            # Decisions follow from these values, so all processes must have the same ones, down to the last bit.
            return self.evaluator.share.broadcast(judge(model, self.evaluator.outputs(model, supply.validation)))

        def estimated(model: Model, norms: Collection[str]) -> None:
            device = self.evaluator.device
            estimate(model, norms, chosen_batches(supply.training, device, self.plan.seed), device)

        model, optimizer = assembly.model, assembly.optimizer
        return Job(model, assembly.method, supply.streams, optimizer, estimated, evaluate, supply.enter)

    def start_head(self, supply: Supply) -> None:
        """Give the head its closed-form start, where the head has one."""
        device, model = self.evaluator.device, self.assembly.model
        if model.head.needs_training_features:
            features, targets = self.evaluator.features(model, supply.features(self.assembly.items("train")))
            model.head.fit(features.to(device), targets.to(device))


def prepare(recipe: Recipe, run: Run | None = None) -> Prepared:
    """Build everything that a recipe describes, for a new run or as `run` decided; TLError where that cannot be."""
    recipe = settle(recipe, run)
    accelerator = start_accelerator(recipe)
    assembly = assemble(recipe)
    share = Share(accelerator.process_index, accelerator.num_processes)
    if share.broadcast(assembly.data.fingerprint) != assembly.data.fingerprint:
        raise TLError(f"Process {share.rank} sees other data than the first: give all machines the same files.")
    place = Place(accelerator.device, recipe.loop.precision, share)
    streams = {name: replace(s, device=place.device) for name, s in assembly.streams(share).items()}
    notes = [line for line in (_check_shards(recipe, streams["train"], share),) if line]
    if recipe.loop.device_batch == "auto":
        found = measure_capacity(assembly, streams, place)
        streams = {name: replace(stream, device_batch=found.samples) for name, stream in streams.items()}
        assembly = replace(assembly, recipe=with_device_batch(recipe, found.samples))
        notes.append(found.line())
    if assembly.model.task.compares:
        notes += compared_pieces(streams["train"])
    refuse_lone_samples(Step(assembly.model, assembly.method), streams["train"], assembly.phases, place.device)
    batch = max(forward_batch(place.device), assembly.recipe.loop.known_device_batch)
    plan = _plan(assembly, best_metric(recipe.loop.best, assembly.model.task), streams["train"].epoch)
    return Prepared(accelerator, assembly, streams, Evaluator(batch, share, place.device), plan, tuple(notes))


def measure_capacity(assembly: Assembly, streams: Mapping[str, Stream], place: Place) -> Capacity:
    """How many samples of these streams the device can take at once."""
    loop = assembly.recipe.loop
    copies = (loop.ema is not None) + (place.share.world > 1)
    step = Step(assembly.model, assembly.method)
    return capacity(Trial(step, streams, assembly.phases, place, copies, loop.gradient_checkpointing))


def _check_shards(recipe: Recipe, train: Stream, share: Share) -> str:
    """A line where loop.shard has no effect; TLError where the processes cannot share a batch evenly."""
    if not recipe.loop.shard:
        return ""
    if left := train.batch % share.world:
        raise TLError(
            f"loop.shard: {share.world} processes cannot share {train.batch} samples evenly: "
            f"set loop.batch={train.batch - left}, or loop.shard=false."
        )
    return "loop.shard: one process has nobody to share with, and holds everything." if share.world == 1 else ""


def compared_pieces(train: Stream) -> list[str]:
    """A line where a batch whose samples are compared with each other is cut; TLError where a piece has one sample."""
    sizes, world = [len(piece) for piece in train.plan(0)], train.share.world
    if min(sizes) < 2:
        raise TLError(
            "loop.device_batch: the loss compares the samples that a device takes at once with each other, and here "
            f"that is one: a batch of {train.batch} needs loop.device_batch of 2 at least, and two samples a process."
        )
    if len(sizes) * world == 1:
        return []
    return [
        f"The loss compares the samples of a piece with each other, and a batch of {train.batch} is cut into "
        f"{len(sizes) * world} pieces: each sample is compared with {min(sizes) - 1} others, not {train.batch - 1}, so "
        f"that what is learnt depends on loop.device_batch ({train.device_batch}) and on the number of processes."
    ]


def _plan(assembly: Assembly, metric: Metric, epoch: float) -> Plan:
    loop = assembly.recipe.loop
    total = loop.length.steps(total=0, epoch=epoch)

    def steps(name: str) -> float:
        duration = getattr(loop, name)
        if duration.unit == "min":
            return math.inf
        every = duration.value * epoch if duration.unit == "ep" else duration.steps(total=total, epoch=epoch)
        return max(1.0, float(every))

    return Plan(
        spans=lay_out(assembly.phases, total, epoch),
        total=total,
        eval_every=steps("eval_every"),
        save_every=steps("save_every"),
        log_every=steps("log_every"),
        metric=metric,
        seed=derive(assembly.recipe.seed, "train"),
    )
