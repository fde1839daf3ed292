"""How many samples a device can take at once: measured on the longest sample, in the phase where most weights learn."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from tl.batch import Batch
from tl.components.freeze.base import Phase
from tl.errors import TLError
from tl.inputs.streams import Draw, Source, Stream
from tl.place import Place
from tl.rng import derive, seed_device, seeded
from tl.training.step import Step
from tl.training.untouched import untouched

_STATES = 2  # numbers that the optimizer keeps for each weight: two for Adam, and no option keeps more
_SHARE = 0.5  # of a CPU's free memory: gradients, optimizer, libraries and other programs need the rest
_GB, _MB = 1024**3, 1024**2


@dataclass(frozen=True)
class Capacity:
    """How many of the `batch` samples of a step fit at once, and the bytes they need of those available."""

    samples: int
    batch: int
    needed: float
    available: float

    def line(self) -> str:
        """A line for the user."""
        bytes_ = f"{_spoken(self.needed)} of {_spoken(self.available)} available"
        return f"device_batch: {self.samples} of the {self.batch} samples of a step fit at once ({bytes_})"


@dataclass(frozen=True)
class Trial:
    """The step whose memory is measured, with its streams and phases.

    `copies` counts further copies of the weights that learn, such as a moving average; `checkpoints` says whether the
    backbone runs with gradient checkpointing.
    """

    step: Step
    streams: Mapping[str, Stream]
    phases: Sequence[Phase]
    place: Place
    copies: int
    checkpoints: bool


def capacity(trial: Trial) -> Capacity:
    """The samples that fit: this process's share of the batch, halved as often as needed; the same in all processes."""
    stream = next(iter(trial.streams.values()))
    world = trial.place.share.world
    most = -(-stream.batch // world)
    step = trial.step.to(trial.place.device)
    with untouched(step, trial.place.device):
        weights = step.model.sizes()
        phases = [phase.train for phase in trial.phases]
        step.model.learn(max(phases, key=lambda names: sum(weights[name] for name in names)))
        step.train()
        seed_device(derive(stream.order.seed, "capacity"), trial.place.device)
        singles = {name: _longest(stream.source) for name, stream in trial.streams.items()}
        if not any(parameter.requires_grad for parameter in step.parameters()):
            found = Capacity(most, stream.batch, 0.0, _free())
        elif trial.place.device.type == "cuda":
            found = _tried(trial, singles, most, stream.batch)
        else:
            found = _counted(trial, singles, most, stream.batch)
    least = trial.place.share.minimum(found.samples)
    return Capacity(least, stream.batch, found.needed * least / found.samples, found.available)


def _longest(source: Source) -> tuple[Source, Batch]:
    """A source and a batch of one sample: the longest text, or any picture, since all pictures have the same size."""
    lengths = source.lengths or (0,)
    draw = Draw(max(range(len(lengths)), key=lengths.__getitem__), 0)
    return source, next(iter(source.batches(iter([[draw]]))))


def _forward(trial: Trial, singles: Mapping[str, tuple[Source, Batch]], samples: int) -> Tensor:
    streams = {}
    for name, (source, single) in singles.items():
        rows = [*range(len(single.x.values))]  # two for a pair
        with seeded(samples):
            mixed = source.mixed(Batch(single.x.take(rows * samples), single.y[[0] * samples]))
        streams[name] = mixed.to(trial.place.device)
    with trial.place.context():
        return torch.stack(list(trial.step(streams).values())).sum()


def _counted(trial: Trial, singles: Mapping[str, tuple[Source, Batch]], most: int, batch: int) -> Capacity:
    """Count the bytes that autograd keeps for the backward pass; they grow by the same amount with every sample.

    They are counted for two and for three samples, because a batch norm cannot learn from one sample. Autograd does not
    report what gradient checkpointing keeps, so checkpointing is switched off meanwhile: the count is an upper bound.
    """
    backbone = trial.step.model.backbone
    try:
        backbone.checkpointing(on=False)
        two, three = (_kept(trial, singles, samples) for samples in (2, 3))
    finally:
        backbone.checkpointing(on=trial.checkpoints)
    free, samples = _free(), most
    while samples > 1 and two + (samples - 2) * (three - two) > _SHARE * free:
        samples = -(-samples // 2)
    return Capacity(samples, batch, max(two + (samples - 2) * (three - two), 0), free)


def _kept(trial: Trial, singles: Mapping[str, tuple[Source, Batch]], samples: int) -> int:
    """The bytes that autograd keeps beside the weights; memory that several tensors share is counted once."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*trial.step.parameters(), *trial.step.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage  # held, so that no other tensor gets the same address
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        _forward(trial, singles, samples)
    return sum(storage.nbytes() for address, storage in kept.items() if address not in own)


def _tried(trial: Trial, singles: Mapping[str, tuple[Source, Batch]], most: int, batch: int) -> Capacity:
    """Run a forward and a backward pass, beside as much memory as optimizer and moving average will hold."""
    device, samples = trial.place.device, most
    while not _runs(trial, singles, samples):
        torch.cuda.empty_cache()
        if samples == 1:
            raise TLError(
                f"loop.device_batch: not one sample fits on {torch.cuda.get_device_name(device)}: take a smaller "
                "backbone or size, set loop.gradient_checkpointing=true or loop.precision=bf16, or freeze more."
            )
        samples = -(-samples // 2)
    needed, total = torch.cuda.max_memory_allocated(device), torch.cuda.get_device_properties(device).total_memory
    torch.cuda.empty_cache()
    return Capacity(samples, batch, needed, total)


def _runs(trial: Trial, singles: Mapping[str, tuple[Source, Batch]], samples: int) -> bool:
    learning = [parameter for parameter in trial.step.parameters() if parameter.requires_grad]
    torch.cuda.reset_peak_memory_stats(trial.place.device)
    try:
        held = [torch.empty_like(p) for p in learning for _ in range(_STATES + trial.copies)]
        _forward(trial, singles, samples).backward()  # type: ignore[no-untyped-call]
        del held
    except torch.OutOfMemoryError:
        return False
    finally:
        trial.step.zero_grad(set_to_none=True)
    return True


def _free() -> float:
    """This process's share of the machine's free memory, in bytes."""
    return float(psutil.virtual_memory().available) / int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _spoken(count: float) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / _MB:.1f} MB"
