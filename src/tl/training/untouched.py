"""Trying out a training step without leaving a trace, for the learning-rate finder and for measuring memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tl.training.step import Step


@contextmanager
def untouched(step: Step, device: torch.device) -> Iterator[None]:
    """After the context the step's tensors, its modes and the random state are what they were before it."""
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
