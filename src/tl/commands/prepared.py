"""From a recipe to all that a run needs, built and ready to train."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, ProjectConfiguration

from tl.commands.assemble import Assembly, assemble, precise, provenance
from tl.components.freeze.layout import lay_out
from tl.components.model import Model
from tl.errors import TLError
from tl.evaluation.evaluator import Evaluator, best_metric
from tl.inputs.activations import Activations
from tl.inputs.streams import Stream, forward_batch
from tl.inputs.supply import Needs, Supply
from tl.place import Place, Share
from tl.recipe.recipe import Recipe
from tl.rng import derive
from tl.run.environment import lacks_to_compile
from tl.training.job import Job, Plan
from tl.training.trackers import tracker_names

_PATIENCE = timedelta(hours=6)  # the first process may wait for another run that fills the cache


@dataclass(frozen=True)
class Prepared:
    """A recipe assembled on its device; `notes` tell what was found out on the way."""

    accelerator: Accelerator
    assembly: Assembly
    streams: Mapping[str, Stream]
    evaluator: Evaluator
    plan: Plan
    notes: tuple[str, ...]

    @property
    def recipe(self) -> Recipe:
        """The recipe, with what was found out."""
        return self.assembly.recipe

    def lines(self) -> Iterator[str]:
        """What the user should know before the run begins."""
        yield from (*self.recipe.notes, *self.assembly.data.notes)
        yield from (*self.assembly.model.backbone.described(), *self.notes)
        train = self.streams["train"]
        if cut := train.source.truncation():
            yield f"train: {cut}"
        if padded := train.padding():
            remedy = "" if self.recipe.loop.bucket else " (loop.bucket=true spares some)"
            yield f"padding: {padded:.0%} of an epoch's tokens{remedy}"

    def supply(self, say: Callable[[str], None]) -> Supply:
        """What each phase reads."""
        recipe, evaluator, model = self.recipe, self.evaluator, self.assembly.model.to(self.evaluator.device)
        place = Place(evaluator.device, share=evaluator.share)
        activations = Activations(model, provenance(recipe, model.backbone), recipe.cache, place, say)
        averaged = recipe.loop.ema is not None
        needs = Needs(self.plan.stretches, self.plan.eval_every, recipe.loop.precision, averaged)
        return Supply(model, self.assembly.method, self.streams, self.assembly.items("val"), needs, activations)

    def job(self, supply: Supply) -> Job:
        """What is trained, with what it reads."""
        assembly = self.assembly

        def evaluate(model: Model) -> dict[str, float]:
            if not len(supply.val):
                return {}
            # What follows from the values must be the same on machines that differ in their last bits.
            return self.evaluator.share.broadcast(self.evaluator.outputs(model, supply.validation).metrics(model))

        return Job(assembly.model, assembly.method, supply.streams, assembly.optimizer, evaluate, supply.enter)

    def start_head(self, supply: Supply) -> None:
        """Give the head its closed-form start, where it has one."""
        device, model = self.evaluator.device, self.assembly.model
        if model.head.needs_fit:
            features, targets = self.evaluator.features(model, supply.features(self.assembly.items("train")))
            model.head.fit(features.to(device), targets.to(device))


def prepare(recipe: Recipe) -> Prepared:
    """Build everything that a recipe describes; TLError where this machine or its data do not allow it."""
    recipe = precise(recipe)
    accelerator = _accelerator(recipe)
    assembly = assemble(recipe)
    share = Share(accelerator.process_index, accelerator.num_processes)
    if share.broadcast(assembly.data.fingerprint) != assembly.data.fingerprint:
        raise TLError(f"Process {share.rank} sees other data than the first: give all machines the same files.")
    place = Place(accelerator.device, recipe.loop.precision, share)
    streams = {name: replace(s, device=place.device) for name, s in assembly.streams(share).items()}
    if recipe.loop.shard and (left := streams["train"].batch % share.world):
        raise TLError(
            f"loop.shard: {share.world} processes cannot share {streams['train'].batch} samples evenly: "
            f"set loop.batch={streams['train'].batch - left}, or loop.shard=false."
        )
    alone = recipe.loop.shard and share.world == 1
    notes: tuple[str, ...] = ("loop.shard: one process has nobody to share with, and holds everything.",) * alone
    if recipe.loop.device_batch == "auto":
        found = assembly.capacity(streams, place)
        streams = {name: replace(stream, device_batch=found.samples) for name, stream in streams.items()}
        assembly, notes = assembly.taking(found.samples), (*notes, found.line())
    batch = max(forward_batch(place.device), assembly.recipe.loop.at_once)
    metric = best_metric(recipe.loop.best, assembly.data.space)
    plan = _plan(assembly, metric, streams["train"].epoch)
    return Prepared(accelerator, assembly, streams, Evaluator(batch, share, place.device), plan, notes)


def _accelerator(recipe: Recipe) -> Accelerator:
    loop = recipe.loop
    if loop.device == "cuda" and not torch.cuda.is_available():
        raise TLError("loop.device is cuda, but this machine shows no CUDA device: use auto or cpu.")
    if loop.precision == "fp16" and (loop.device == "cpu" or not torch.cuda.is_available()):
        raise TLError("loop.precision is fp16, which needs a GPU: use bf16 or no.")
    if loop.compile and (lacks := lacks_to_compile()):
        raise TLError(f"loop.compile: {lacks}, or set it to false.")
    for name, remedy in (("FSDP", "set loop.shard=true"), ("DEEPSPEED", "set loop.shard=true, which is FSDP")):
        if os.environ.get(f"ACCELERATE_USE_{name}", "false").lower() == "true":
            raise TLError(f"accelerate launch --use_{name.lower()}: tl does not train so; leave it out and {remedy}.")
    gpus = loop.device != "cpu" and torch.cuda.is_available()
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if gpus and processes > torch.cuda.device_count():
        raise TLError(
            f"--processes {processes} is more than the {torch.cuda.device_count()} GPUs of this machine: "
            "start fewer, or set loop.device=cpu."
        )
    later = ProjectConfiguration(logging_dir=".")  # a tracker wants a folder before the run has one
    accelerator = Accelerator(
        mixed_precision=loop.precision,
        cpu=loop.device == "cpu" or (not gpus and int(os.environ.get("WORLD_SIZE", "1")) > 1),
        log_with=tracker_names(loop.trackers) or None,
        project_config=later,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )
    if loop.batch < accelerator.num_processes:
        raise TLError(f"loop.batch is {loop.batch}, fewer than the {accelerator.num_processes} processes: raise it.")
    return accelerator


def _plan(assembly: Assembly, metric: str, epoch: float) -> Plan:
    loop = assembly.recipe.loop
    total = loop.length.steps(total=0, epoch=epoch)

    def steps(name: str) -> float:
        duration = getattr(loop, name)
        if duration.unit == "min":
            return math.inf
        every = duration.value * epoch if duration.unit == "ep" else duration.steps(total=total, epoch=epoch)
        return max(1.0, float(every))

    return Plan(
        stretches=lay_out(assembly.phases, total, epoch),
        total=total,
        eval_every=steps("eval_every"),
        save_every=steps("save_every"),
        log_every=steps("log_every"),
        metric=metric,
        seed=derive(assembly.recipe.seed, "train"),
    )
