"""`tl finetune`: prepare, start the head, train, calibrate, evaluate, and write the run folder."""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from tl.boundary.visible import visible_line
from tl.commands.assemble import Assembly
from tl.commands.changes import changes, recipe_facts
from tl.commands.launch import launched, leave_message
from tl.commands.prepare import Prepared, prepare
from tl.commands.report import write_report
from tl.commands.same_data import change_of_data, data_facts
from tl.commands.settle import without_cache_folder
from tl.commands.zero_shot import judge_untrained
from tl.components.preprocess_file import fingerprint, to_json
from tl.components.task.base import MOST_COLUMNS
from tl.errors import Stopped, TLError
from tl.evaluation.evaluator import Outputs
from tl.evaluation.outcome import Outcome, csv_text, outcome, with_caution
from tl.inputs.supply import Supply
from tl.recipe.recipe import Recipe
from tl.recipe.weights import RUN_ASSETS, RUN_PREPROCESS, RUN_SPACE
from tl.rng import deterministic
from tl.run.checkpoint import restoring
from tl.run.disk import check_free_space, hash_of
from tl.run.environment import describe, peak_memory_mb
from tl.run.run import Listener, Run
from tl.run.schema import model_files
from tl.training.cursor import Cursor
from tl.training.finder import RateSweep, Sweep, find_rate
from tl.training.signals import StopSignals
from tl.training.trackers import start_trackers
from tl.training.trainer import Trainer


@dataclass(frozen=True)
class Request:
    """What the command line asks for: a new run below `root`, or to go on with the run `resume`."""

    recipe: Recipe
    root: Path
    resume: Path | None
    command: str


def finetune(request: Request, listener: Listener) -> Path:
    """Train as the recipe says; gives the run's folder."""
    with deterministic(request.recipe.loop.deterministic):
        return _train(request, listener)


def _train(request: Request, listener: Listener) -> Path:
    began = time.monotonic()
    ready = prepare(request.recipe, None if request.resume is None else Run.open(request.resume))
    recipe, assembly, accelerator = ready.recipe, ready.assembly, ready.accelerator
    run = _open(request, assembly, accelerator)
    here = describe(accelerator.device, accelerator.num_processes)
    changed = [] if request.resume is None else changes(run, request.recipe, here)

    def say(line: str) -> None:
        listener.note(line)
        run.note(line)

    with run.recording_status():  # another process may train the run: nothing is said in its log before
        listener.begins(ready.plan.metric.name, "image" if assembly.data.modality == "image" else "token")
        for line in (*changed, *ready.lines()):
            say(line)
        if assembly.data.skipped:
            run.write("skipped.txt", "".join(f"{visible_line(text)}\n" for text in assembly.data.skipped))
        supply = ready.supply(say)
        job = ready.job(supply)
        with start_trackers(accelerator, run.path, recipe):
            trainer = Trainer(recipe.loop, ready.plan, job, accelerator, run, listener)
            if run.writes:
                check_free_space(run.path, trainer.room)
            with restoring(run.path):
                resumed = request.resume is not None and trainer.restore()
            give_up = partial(_give_up, listener)
            with StopSignals(accelerator, run.path, _deadline(recipe, began), say, give_up) as signals:
                if not resumed:
                    with signals.at_once():
                        ready.start_head(supply)
                        judge_untrained(ready, supply, run, say)
                cursor = trainer.fit(signals)
                with signals.at_once(timed=False):
                    _finish(run, ready, supply, cursor)
    if not recipe.loop.keep_checkpoints:  # only now does the run's status say that it will not be resumed
        run.remove_checkpoints()
    return run.path


def _finish(run: Run, ready: Prepared, supply: Supply, cursor: Cursor) -> None:
    """Calibrate and evaluate; write the model with all that it needs, its predictions and the report."""
    assembly, device = ready.assembly, ready.accelerator.device
    validated = _validate(ready, supply)
    temperature = _temperature(assembly, validated)
    _write_model(run, assembly, temperature)
    best = {
        "metric": ready.plan.metric.name,
        "value": cursor.kept,
        "step": cursor.step if cursor.kept is None else cursor.kept_step,
    }
    learnt = sorted({part for span in ready.plan.spans[: cursor.kept_phase + 1] for part in span.phase.train})
    facts = {"best": best, "learnt": learnt, "warnings": cursor.warnings, "temperature": temperature}
    run.update_meta(**facts, peak_memory_mb=peak_memory_mb(device))
    outcomes = _evaluate(run, ready, supply, validated, temperature)
    if run.writes:
        run.update_meta(seconds=run.seconds)
        write_report(run, assembly, outcomes, ready.streams["train"].source.truncation())


def _give_up(listener: Listener, stopped: Stopped) -> NoReturn:
    """End this process at once, from whichever thread, with a line for the user."""
    if launched():
        leave_message(str(stopped), stopped.exit_code)
    else:
        listener.note(str(stopped))
    os._exit(stopped.exit_code)


def find_rates(recipe: Recipe, listener: Listener) -> dict[str, RateSweep]:
    """A learning-rate sweep for each phase, over the parts that learn in it, from the weights training starts with."""
    ready = prepare(without_cache_folder(recipe))
    supply = ready.supply(listener.note)
    job = ready.job(supply)
    ready.start_head(supply)
    found = {}
    for span in ready.plan.spans:
        listener.note(f"Sweeping the rate for the phase '{span.phase.name}'.")
        sweep = Sweep(span.phase, (1e-6, 1.0), ready.recipe.loop.clip)
        found[span.phase.name] = find_rate(job, ready.plan, sweep, ready.accelerator.device)
    return found


def _deadline(recipe: Recipe, began: float) -> float:
    limit = recipe.loop.max_time
    return math.inf if limit is None else began + 60 * limit.value


def _open(request: Request, assembly: Assembly, accelerator: Accelerator) -> Run:
    preprocess, data = assembly.model.backbone.preprocess, assembly.data
    path = [str(request.resume or "")]
    if accelerator.is_main_process and request.resume is None:
        meta = {
            "command": request.command,
            **describe(accelerator.device, accelerator.num_processes),
            "recipe": recipe_facts(request.recipe),
            "seed": request.recipe.seed,
            "device_batch": assembly.recipe.loop.known_device_batch,
            "precision": assembly.recipe.loop.precision,
            **data_facts(data),
            "preprocess": {"fingerprint": fingerprint(preprocess), "lines": preprocess.lines()},
            "seconds": 0.0,
        }
        path = [str(Run.create(request.root, request.recipe.name, request.recipe.plain(), meta).path)]
    broadcast_object_list(path)
    run = Run.open(Path(path[0]), writes=accelerator.is_main_process)
    change = [change_of_data(run, data) if request.resume is not None and run.writes else None]
    broadcast_object_list(change)
    if change[0] is not None:
        raise TLError(
            f"The data changed since '{run.path}' began ({change[0]}), so it cannot be resumed: start a new run."
        )
    return run


def _validate(ready: Prepared, supply: Supply) -> Outputs | None:
    if not len(supply.val):
        return None
    return ready.evaluator.outputs(ready.assembly.model, supply.last("val", supply.val))


def _temperature(assembly: Assembly, validated: Outputs | None) -> float:
    """The temperature fitted on the validation split; 1 where that split is missing."""
    model = assembly.model
    return 1.0 if validated is None else model.task.fit_temperature(model.head, validated.kept)


def _write_model(run: Run, assembly: Assembly, temperature: float) -> None:
    backbone = assembly.model.backbone
    run.save_model(assembly.model.state_dict())
    facts = {**asdict(assembly.data.space), "target": assembly.data.target, "temperature": temperature}
    run.write_json(RUN_SPACE, facts)
    run.write(RUN_PREPROCESS, to_json(backbone.preprocess))
    for name, content in backbone.assets().items():
        run.write(f"{RUN_ASSETS}/{name}", content)
    if run.writes:
        run.update_meta(files={name: hash_of(run.path / name) for name in model_files(run.path)})


def _evaluate(
    run: Run, ready: Prepared, supply: Supply, validated: Outputs | None, temperature: float
) -> list[Outcome]:
    assembly = ready.assembly
    outputs = {"val": validated} if validated is not None else {}
    if len(test := assembly.items("test")):
        outputs["test"] = ready.evaluator.outputs(assembly.model, supply.last("test", test))
    found = []
    for split, answers in outputs.items() if run.writes else ():
        items, resamples = assembly.items(split), assembly.recipe.loop.bootstrap
        one = with_caution(outcome(split, assembly.model, items, answers, temperature, resamples))
        run.write_json(f"evaluation/{split}.json", one.as_json())
        run.write(f"predictions/{split}.csv", csv_text(*one.rows(MOST_COLUMNS)))
        found.append(one)
    return found
