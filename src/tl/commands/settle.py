"""What the machine and a run decide about a recipe: its precision, its device, the samples that fit at once.

Every `auto` that a recipe leaves to the machine becomes a value here, and nowhere else.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, ProjectConfiguration

from tl.commands.launch import launched, meet
from tl.commands.machine import missing_hardware, missing_software, missing_weights
from tl.errors import Mistakes, TLError
from tl.recipe.overrides import COMMAND_LINE
from tl.recipe.recipe import Recipe
from tl.run.run import Run
from tl.training.trackers import tracker_names

_WAITING = timedelta(hours=6)  # the first process may wait for another run that fills the cache


def settle(recipe: Recipe, run: Run | None = None) -> Recipe:
    """The recipe with its `auto` values decided: by the run where there is one, else by this machine.

    loop.precision is bf16 on a GPU that computes in it, else no. loop.device_batch stays `auto` without a run: it can
    only be measured on the assembled model (`with_device_batch`).
    """
    loop = recipe.loop
    if loop.precision == "auto":
        here: Literal["bf16", "no"] = "bf16" if _computes_in_bf16(recipe) else "no"
        recipe = replace(recipe, loop=replace(loop, precision=here if run is None else run.meta["precision"]))
    if loop.device_batch == "auto" and run is not None:
        recipe = with_device_batch(recipe, run.meta["device_batch"])
    return recipe


def with_device_batch(recipe: Recipe, samples: int) -> Recipe:
    """The recipe with `samples` samples on a device at once."""
    return replace(recipe, loop=replace(recipe.loop, device_batch=samples))


def without_cache_folder(recipe: Recipe) -> Recipe:
    """The recipe without a cache folder that one of its files names: only training uses that, and only of a recipe."""
    named = recipe.origins.get("cache.folder") == COMMAND_LINE
    return recipe if named else replace(recipe, cache=replace(recipe.cache, folder=None))


def without_download(recipe: Recipe) -> Recipe:
    """The recipe for a command that trains nothing, and so fetches nothing: TLError where weights are not here."""
    if recipe.backbone.values.get("download") is not True:
        return recipe
    local = replace(recipe.backbone, values={**recipe.backbone.values, "download": False})
    for mistake in missing_weights(local):
        named = local.values[mistake.key.removeprefix("backbone.")]
        raise TLError(f"{mistake.key}: '{named}' is not on this machine, and only training fetches it: tl finetune.")
    return replace(recipe, backbone=local)


def device_of(recipe: Recipe) -> torch.device:
    """The device for a command that runs in one process: the GPU where the recipe allows it and one is there."""
    return torch.device("cuda" if _uses_gpu(recipe) else "cpu")


def start_accelerator(recipe: Recipe) -> Accelerator:
    """Accelerate, set up as the settled recipe says; TLError where this machine cannot do what the recipe asks for."""
    loop = recipe.loop
    _refuse_what_is_not_here(recipe)
    cpu = loop.device == "cpu" or (not _uses_gpu(recipe) and int(os.environ.get("WORLD_SIZE", "1")) > 1)
    if launched():
        meet(backend="gloo" if cpu else "nccl", timeout=_WAITING)
    accelerator = Accelerator(
        mixed_precision=loop.precision,
        cpu=cpu,
        log_with=tracker_names(loop.trackers) or None,
        project_config=ProjectConfiguration(logging_dir="."),  # a tracker wants a folder before the run has one
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_WAITING)],
    )
    if loop.batch < accelerator.num_processes:
        raise TLError(f"loop.batch is {loop.batch}, fewer than the {accelerator.num_processes} processes: raise it.")
    return accelerator


def _refuse_what_is_not_here(recipe: Recipe) -> None:
    loop = recipe.loop
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if missing := [*missing_hardware(loop, gpus), *missing_software(loop)]:
        raise Mistakes(missing)
    for name, remedy in (("FSDP", "set loop.shard=true"), ("DEEPSPEED", "set loop.shard=true, which is FSDP")):
        if os.environ.get(f"ACCELERATE_USE_{name}", "false").lower() == "true":
            raise TLError(f"accelerate launch --use_{name.lower()}: tl does not train so; leave it out and {remedy}.")
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if _uses_gpu(recipe) and processes > torch.cuda.device_count():
        raise TLError(
            f"--processes {processes} is more than the {torch.cuda.device_count()} GPUs of this machine: "
            "start fewer, or set loop.device=cpu."
        )


def _uses_gpu(recipe: Recipe) -> bool:
    return recipe.loop.device != "cpu" and torch.cuda.is_available()


def _computes_in_bf16(recipe: Recipe) -> bool:
    return _uses_gpu(recipe) and torch.cuda.is_bf16_supported(including_emulation=False)
