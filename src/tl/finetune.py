"""The verb `finetune`: assemble, start the head, train, calibrate, evaluate, and leave a run that can be used."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration, broadcast_object_list

from tl.activations import Activations
from tl.assemble import SPACE, Assembly, as_run, assemble, identity, precise
from tl.calibration import fit_temperature
from tl.disk import demand_room
from tl.environment import describe, lacks_to_compile, peak_memory_mb
from tl.errors import TLError
from tl.evaluate import Answers, Evaluator, best_metric
from tl.finder import Finding, find_rate
from tl.job import Job, Plan
from tl.model import Model
from tl.outcome import Outcome, answers, csv_text, outcome
from tl.phases import lay_out
from tl.prefix import Place
from tl.preprocess import fingerprint, to_json
from tl.recipe import Recipe
from tl.report.of_run import write_report
from tl.rng import derive
from tl.run import Listener, Run
from tl.signals import StopSignals
from tl.streams import Share, Stream, forward_batch
from tl.supply import Needs, Supply
from tl.trackers import start_trackers, tracker_names
from tl.trainer import Trainer
from tl.weights import RUN_ASSETS


@dataclass(frozen=True)
class Request:
    """What the command line asks for: a new run under `root`, or going on with `resume`."""

    recipe: Recipe
    root: Path
    resume: Path | None
    command: str


def finetune(request: Request, listener: Listener) -> Path:
    """Train as the recipe says and return the run's folder."""
    began = time.monotonic()
    known = precise(_recipe(request))
    accelerator = _accelerator(known)
    assembly, streams, fitted = _fitted(known, accelerator)
    recipe = assembly.recipe
    metric = best_metric(recipe.loop.best, assembly.data.space)
    evaluator = _evaluator(recipe, accelerator)
    plan = _plan(assembly, metric, streams["train"].epoch)
    run = _open(request, assembly, accelerator)

    def say(line: str) -> None:
        listener.note(line)
        run.note(line)

    listener.begins(metric, "image" if assembly.data.modality == "image" else "token")
    for line in (*recipe.notes, *assembly.data.notes, *assembly.model.backbone.described(), *fitted):
        say(line)
    if padded := streams["train"].padding():
        remedy = "" if recipe.loop.bucket else " (loop.bucket=true spares some)"
        say(f"padding: {padded:.0%} of an epoch's tokens{remedy}")
    if assembly.data.skipped:
        run.write("skipped.txt", "".join(f"{text}\n" for text in assembly.data.skipped))
    supply = _supply(assembly, plan, streams, evaluator, say)
    job = _job(assembly, evaluator, supply)
    with run.recorded(), start_trackers(accelerator, run.path, recipe):
        trainer = Trainer(recipe.loop, plan, job, accelerator, run, listener)
        if run.writes:
            demand_room(run.path, trainer.room)
        if request.resume is None or not trainer.restore():
            _start_head(assembly, evaluator, supply)
        with StopSignals(accelerator, _until(recipe, began)) as signals:
            cursor = trainer.fit(signals)
        validated = _validated(assembly, evaluator, supply)
        temperature = _temperature(assembly, validated)
        _keep(run, assembly, temperature)
        best = {"metric": metric, "value": cursor.best, "step": cursor.best_step}
        run.update_meta(best=best, peak_memory_mb=peak_memory_mb(accelerator.device), temperature=temperature)
        outcomes = _outcomes(run, assembly, evaluator, supply, validated, temperature)
        if run.writes:
            run.update_meta(seconds=run.seconds)
            write_report(run, assembly, outcomes)
    return run.path


def find_rates(recipe: Recipe, listener: Listener) -> dict[str, Finding]:
    """A learning-rate sweep over each phase's learning parts, from the weights that training would start from."""
    recipe = precise(recipe)
    accelerator = _accelerator(recipe)
    assembly, streams, _ = _fitted(recipe, accelerator)
    evaluator = _evaluator(assembly.recipe, accelerator)
    plan = _plan(assembly, best_metric(recipe.loop.best, assembly.data.space), streams["train"].epoch)
    supply = _supply(assembly, plan, streams, evaluator, listener.note)
    job = _job(assembly, evaluator, supply)
    _start_head(assembly, evaluator, supply)
    found = {}
    for stretch in plan.stretches:
        listener.note(f"Sweeping the rate for the phase '{stretch.phase.name}'.")
        found[stretch.phase.name] = find_rate(job, plan, stretch.phase.train, accelerator.device, (1e-6, 1.0))
    return found


def _recipe(request: Request) -> Recipe:
    return request.recipe if request.resume is None else as_run(request.recipe, Run.open(request.resume))


def _fitted(recipe: Recipe, accelerator: Accelerator) -> tuple[Assembly, Mapping[str, Stream], tuple[str, ...]]:
    """The recipe assembled with its streams, and a line on how much fits on a device where that was found out."""
    assembly = assemble(recipe)
    place = Place(accelerator.device, recipe.loop.precision, _share(accelerator))
    streams = {name: replace(s, device=place.device) for name, s in assembly.streams(place.share).items()}
    if recipe.loop.device_batch != "auto":
        return assembly, streams, ()
    found = assembly.capacity(streams, place)
    cut = {name: replace(stream, device_batch=found.samples) for name, stream in streams.items()}
    return assembly.taking(found.samples), cut, (found.line(),)


def _until(recipe: Recipe, began: float) -> float:
    limit = recipe.loop.max_time
    return math.inf if limit is None else began + 60 * limit.value


def _share(accelerator: Accelerator) -> Share:
    return Share(accelerator.process_index, accelerator.num_processes)


def _start_head(assembly: Assembly, evaluator: Evaluator, supply: Supply) -> None:
    model = assembly.model.to(evaluator.device)
    if model.head.needs_fit:
        features, targets = evaluator.features(model, supply.features(assembly.items("train")))
        model.head.fit(features.to(evaluator.device), targets.to(evaluator.device))


def _accelerator(recipe: Recipe) -> Accelerator:
    loop = recipe.loop
    if loop.device == "cuda" and not torch.cuda.is_available():
        raise TLError("loop.device is cuda, but this machine shows no CUDA device: use auto or cpu.")
    if loop.precision == "fp16" and (loop.device == "cpu" or not torch.cuda.is_available()):
        raise TLError("loop.precision is fp16, which needs a GPU: use bf16 or no.")
    if loop.compile and (lacks := lacks_to_compile()):
        raise TLError(f"loop.compile: {lacks}, or set it to false.")
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if loop.device != "cpu" and torch.cuda.is_available() and processes > torch.cuda.device_count():
        raise TLError(
            f"--processes {processes} is more than the {torch.cuda.device_count()} GPUs of this machine: "
            "start fewer, or set loop.device=cpu."
        )
    later = ProjectConfiguration(logging_dir=".")  # a tracker wants a folder before the run has one
    accelerator = Accelerator(
        mixed_precision=loop.precision,
        cpu=loop.device == "cpu",
        log_with=tracker_names(loop.trackers) or None,
        project_config=later,
    )
    if loop.batch < accelerator.num_processes:
        raise TLError(f"loop.batch is {loop.batch}, fewer than the {accelerator.num_processes} processes: raise it.")
    return accelerator


def _evaluator(recipe: Recipe, accelerator: Accelerator) -> Evaluator:
    batch = max(forward_batch(accelerator.device), recipe.loop.at_once)
    return Evaluator(batch, _share(accelerator), accelerator.device)


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


def _supply(
    assembly: Assembly, plan: Plan, streams: Mapping[str, Stream], evaluator: Evaluator, say: Callable[[str], None]
) -> Supply:
    recipe, model = assembly.recipe, assembly.model.to(evaluator.device)
    place = Place(evaluator.device, share=evaluator.share)
    activations = Activations(model, identity(recipe, model.backbone), recipe.cache, place, say)
    needs = Needs(plan.stretches, plan.eval_every, recipe.loop.precision, averaged=recipe.loop.ema is not None)
    return Supply(model, assembly.method, streams, assembly.items("val"), needs, activations)


def _job(assembly: Assembly, evaluator: Evaluator, supply: Supply) -> Job:
    def evaluate(model: Model) -> dict[str, float]:
        return evaluator.answers(model, supply.validation).metrics(model) if len(supply.val) else {}

    return Job(assembly.model, assembly.method, supply.streams, assembly.optimizer, evaluate, supply.enter)


def _open(request: Request, assembly: Assembly, accelerator: Accelerator) -> Run:
    preprocess, data = assembly.model.backbone.preprocess, assembly.data
    path = [str(request.resume or "")]
    if accelerator.is_main_process and request.resume is None:
        meta = {
            "command": request.command,
            **describe(accelerator.device, accelerator.num_processes),
            "seed": request.recipe.seed,
            "device_batch": assembly.recipe.loop.at_once,
            "precision": assembly.recipe.loop.precision,
            "data": {"fingerprint": data.fingerprint, "splits": {k: len(v) for k, v in data.splits.items()}},
            "preprocess": {"fingerprint": fingerprint(preprocess), "lines": preprocess.lines()},
            "seconds": 0.0,
        }
        path = [str(Run.create(request.root, request.recipe.name, request.recipe.plain(), meta).path)]
    broadcast_object_list(path)
    run = Run.open(Path(path[0]), writes=accelerator.is_main_process)
    if run.meta["data"]["fingerprint"] != data.fingerprint:
        raise TLError(f"The data changed since '{run.path}' began, so it cannot be resumed: start a new run.")
    return run


def _validated(assembly: Assembly, evaluator: Evaluator, supply: Supply) -> Answers | None:
    return evaluator.answers(assembly.model, supply.last("val", supply.val)) if len(supply.val) else None


def _temperature(assembly: Assembly, validated: Answers | None) -> float:
    """One where every answer on validation is right: the best would then be 0, and every answer to come certain."""
    space = assembly.data.space
    if validated is None or space.kind == "number":
        return 1.0
    targets = validated.targets.numpy()
    if bool((answers(space, validated.scores(assembly.model)) == targets).all()):
        return 1.0
    return fit_temperature(validated.outputs.numpy(), targets, space.kind)


def _keep(run: Run, assembly: Assembly, temperature: float) -> None:
    backbone = assembly.model.backbone
    run.save_model(assembly.model.state_dict())
    run.write(SPACE, json.dumps({**asdict(assembly.data.space), "temperature": temperature}, ensure_ascii=False))
    run.write("preprocess.json", to_json(backbone.preprocess))
    for name, content in backbone.assets().items():
        run.write(f"{RUN_ASSETS}/{name}", content)


def _outcomes(
    run: Run, assembly: Assembly, evaluator: Evaluator, supply: Supply, validated: Answers | None, temperature: float
) -> list[Outcome]:
    answered = {"val": validated} if validated is not None else {}
    if len(test := assembly.items("test")):
        answered["test"] = evaluator.answers(assembly.model, supply.last("test", test))
    found = []
    for split, said in answered.items() if run.writes else ():
        items, resamples = assembly.items(split), assembly.recipe.loop.bootstrap
        one = outcome(split, assembly.model, items, said, temperature, resamples)
        run.write_json(f"evaluation/{split}.json", one.as_json())
        run.write(f"predictions/{split}.csv", csv_text(*one.rows()))
        found.append(one)
    return found
