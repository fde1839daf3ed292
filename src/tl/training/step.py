"""One step's forward pass: what Accelerate prepares, and what torch.compile compiles."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from statistics import median

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tl.batch import Streams
from tl.components.method.base import Method
from tl.components.model import Model

Terms = tuple[Mapping[str, Tensor], float]
"""Named terms of a piece of a batch, and its weight."""

_NEXT = 10


class Step(nn.Module):
    """Model and method together: the one thing that Accelerate prepares, so that its forward synchronises gradients."""

    def __init__(self, model: Model, method: Method) -> None:
        super().__init__()
        self.model, self.method = model, method

    def forward(self, batch: Streams) -> dict[str, Tensor]:
        return self.method.loss(self.model, batch)


def backward(
    accelerator: Accelerator, step: nn.Module, pieces: Sequence[Streams], weights: Sequence[float]
) -> list[Terms]:
    """Run each piece of a batch forward and backward; processes exchange gradients with the last one."""
    found: list[Terms] = []
    for number, (streams, share) in enumerate(zip(pieces, weights, strict=True)):
        with nullcontext() if number + 1 == len(pieces) else accelerator.no_sync(step):
            terms = step(streams)
            weight = share * accelerator.num_processes
            accelerator.backward(torch.stack(list(terms.values())).sum() * weight)
        found.append((terms, weight))
    return found


def compiled(step: Step) -> Step:
    """The step, compiled at its first call; names in its state stay, and who calls the model itself sees no difference.

    What earlier phases compiled is dropped, as PyTorch keeps eight versions at most. Random numbers stay those of the
    uncompiled step, so that losses differ by rounding alone.
    """
    torch.compiler.reset()
    texts = step.model.backbone.preprocess.modality == "text"
    # Texts have another length in every batch; of pictures only the batch varies, which is found out where it does.
    step.compile(dynamic=True if texts else None, options={"fallback_random": True})
    return step


@contextmanager
def untouched(step: Step, device: torch.device) -> Iterator[None]:
    """Whatever is tried with the step inside, afterwards its tensors, its modes and the random state are as before."""
    before = copy.deepcopy(step.state_dict())
    learning, modes = step.model.learning, [(module, module.training) for module in step.modules()]
    grads = {name: p.requires_grad for name, p in step.named_parameters()}
    state, gpu = torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        yield
    finally:
        step.load_state_dict(before)
        step.model.learn(learning)
        for module, training in modes:
            module.training = training
        for name, parameter in step.named_parameters():
            parameter.requires_grad_(grads[name])
            parameter.grad = None
        torch.set_rng_state(state)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu, device)


class Warmup:
    """Measures what compiling costs a phase and says it once: after enough other steps, or at the end."""

    def __init__(self, phase: str, device: torch.device, say: Callable[[str], None]) -> None:
        self.phase, self.device, self.say = phase, device, say
        self.seconds: list[float] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time one step while that is of interest."""
        if len(self.seconds) > _NEXT:
            yield
            return
        began = self._now()
        yield
        self.seconds.append(self._now() - began)
        if len(self.seconds) > _NEXT:
            self._tell()

    def over(self) -> None:
        """The phase ends."""
        if 0 < len(self.seconds) <= _NEXT:
            self._tell()

    def _tell(self) -> None:
        first, *others = self.seconds
        rest = f"the next ones {median(others):.2g} s" if others else "and there was no other"
        self.say(f"compile: the first step of '{self.phase}' took {first:.1f} s, {rest}.")

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
