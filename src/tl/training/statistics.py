"""Batch-norm statistics for evaluation, estimated anew with the weights as they are (Ioffe 2017; Wu and Johnson 2021).

The running statistics that training keeps are averages over earlier weights. In a short run, or after large steps, they
lag behind the weights by so much that a network which has learnt its task answers one class to everything. Training
itself does not use them, so that the estimate changes no loss.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import torch

from tl.batch import Batch
from tl.components.freeze.base import Phase
from tl.components.model import Model
from tl.errors import TLError
from tl.inputs.streams import Draw, Source, Stream, evenly, forward_batch
from tl.rng import derive
from tl.training.step import Step
from tl.training.untouched import untouched

_MOST = 1024
"""Training samples that are looked at; more would change an estimate by less than batches differ among each other."""


@torch.no_grad()
def estimate(model: Model, names: Collection[str], batches: Iterator[Batch], device: torch.device) -> None:
    """Set the statistics of the named batch norms to their mean over the batches; all else is in eval mode."""
    norms = [model.get_submodule(name) for name in names]
    training, momenta = model.training, [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.train()
        norm.reset_running_stats()  # type: ignore[operator]
        norm.momentum = None  # type: ignore[assignment]
    for batch in batches:
        moved = batch.to(device)
        model.features(moved.x, moved.start)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(training)


def chosen_batches(source: Source, device: torch.device, seed: int) -> Iterator[Batch]:
    """The same samples at every call, in the same random batches; all processes read all of them."""
    generator = torch.Generator().manual_seed(derive(seed, "statistics"))
    numbers = torch.randperm(len(source), generator=generator)[:_MOST].tolist()
    return source.batches(iter(evenly([Draw(number, 0) for number in numbers], forward_batch(device))))


def refuse_lone_samples(step: Step, stream: Stream, phases: Sequence[Phase], device: torch.device) -> None:
    """TLError where a device gets one sample at once, and a batch norm that learns has no second value to compare."""
    if all(len(piece) > 1 for piece in stream.plan(0)):
        return
    with untouched(step.to(device), device):
        single = next(stream.source.batches(iter([[Draw(0, 0)]]))).to(device)
        step.train()
        for phase in phases:
            step.model.learn(phase.train)
            try:
                step.model(single.x)
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                raise TLError(
                    f"In the phase '{phase.name}' batch norms learn their statistics where a picture is down to one "
                    "place, which takes two samples at once, and here a device gets one: raise loop.device_batch or "
                    "backbone.size, or set loop.batch_norm=keep."
                ) from error
