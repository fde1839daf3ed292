"""Weights from a file or a run into a module, with a report of what matched and what did not."""

from __future__ import annotations

import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar, cast
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tl.components.preprocess import ImagePreprocess, TextPreprocess, from_json
from tl.errors import TLError
from tl.recipe.weights import RUN_MODEL, RUN_PREPROCESS, Weights
from tl.run.schema import demand_whole

State = Mapping[str, Tensor]
P = TypeVar("P", ImagePreprocess, TextPreprocess)
M = TypeVar("M", bound=nn.Module)

_WRAPPERS = re.compile(r"^(?:(?:module|model|backbone|net|_orig_mod)\.)+")
_NESTED = ("state_dict", "model", "model_state_dict", "model_ema", "net")
_SHOWN = 4
_BROKEN = (RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError, struct.error)


@dataclass(frozen=True)
class LoadReport:
    """Names of the module's tensors that were `loaded`, `missing` in the source or `misshaped` there, and of the
    source's that were `unexpected` or `dropped` on purpose (its classifier, its pooler)."""

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshaped: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    prefix: str = ""

    def lines(self) -> list[str]:
        """What a person should see of it: one line for each kind of tensor that there is."""
        wanted = len(self.loaded) + len(self.missing) + len(self.misshaped)
        without = f", names without '{self.prefix}'" if self.prefix else ""
        kinds = {
            "left out, as it is not part of the backbone": self.dropped,
            "missing there, so still random": self.missing,
            "of another shape there, so still random": self.misshaped,
            "unknown here, so unused": self.unexpected,
        }
        found = [f"{what}: {_some(names)}" for what, names in kinds.items() if names]
        return [f"loaded {len(self.loaded)} of {wanted} tensors from {self.source}{without}", *found]


def read(weights: Weights, inside: str = "backbone.net.") -> State:
    """The tensors of a file, a folder's model.safetensors or a run; of a run those under `inside`, by their own names.

    A file is never unpickled beyond tensors. It is mapped into memory where its kind allows that, not read.
    """
    assert weights.path is not None, f"weights of the kind '{weights.kind}' lie in no file"
    if weights.kind == "run":
        demand_whole(weights.path, [RUN_MODEL])
        tensors = _tensors(weights.path / RUN_MODEL)
        return {name.removeprefix(inside): value for name, value in tensors.items() if name.startswith(inside)}
    return _tensors(weights.path / RUN_MODEL if weights.kind == "folder" else weights.path)


def run_preprocess(run: Path, kind: type[P]) -> P:
    """The preprocessing that a run's weights were trained with."""
    path = run / RUN_PREPROCESS
    if not path.is_file():
        raise TLError(f"{run} holds no {RUN_PREPROCESS}, so it is no run to start from: name one that trained a model.")
    found = from_json(path)
    if found.modality != kind.modality:
        raise TLError(
            f"The run {run} takes {found.modality}s, this backbone {kind.modality}s: choose another of the two."
        )
    return cast("P", found)


def loaded(
    make: Callable[[], M], state: State | None, source: str, dropped: Sequence[str] = ()
) -> tuple[M, LoadReport | None]:
    """The module that `make` makes, with the state in it; its random start is only drawn where some of it remains.

    It is first made of tensors without memory (torch's `meta` device), which take the state's place. What the state
    lacks, and buffers that no state holds, would stay without: then the module is made again, and filled.
    """
    if state is None:
        return make(), None
    with torch.device("meta"):
        module = make()
    report = load(module, state, source, dropped)
    if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
        module = make()
        report = load(module, state, source, dropped)
    return module, report


def load(module: nn.Module, state: State, source: str, dropped: Sequence[str] = ()) -> LoadReport:
    """Copy what fits by name and shape into the module; names that start like one of `dropped` are left out.

    Where no name fits, wrappers' prefixes such as 'module.' are taken off; TLError where still nothing does. Tensors
    on the `meta` device become copies of their own, never parts of the file: a weight may be trained, and a file may be
    written over while a run still reads it.
    """
    own = module.state_dict()
    prefix = ""
    if not own.keys() & state.keys():
        prefix, state = _unwrapped(state)
    kept = OrderedDict((name, value) for name, value in state.items() if not name.startswith(tuple(dropped)))
    misshaped = {name for name, value in kept.items() if name in own and own[name].shape != value.shape}
    fitting = OrderedDict((name, value) for name, value in kept.items() if name not in misshaped)
    bare = any(tensor.is_meta for tensor in own.values())
    if bare:
        fitting = OrderedDict((n, _own(value, own[n].dtype) if n in own else value) for n, value in fitting.items())
    outcome = module.load_state_dict(fitting, strict=False, assign=bare)
    missing = set(outcome.missing_keys) - misshaped
    filled = tuple(name for name in own if name not in missing and name not in misshaped)
    if not any(name in filled for name in fitting):
        refuse(source, tuple(state), tuple(own))
    return LoadReport(
        source=source,
        loaded=filled,
        missing=tuple(name for name in own if name in missing),
        unexpected=tuple(outcome.unexpected_keys),
        misshaped=tuple(f"{n} {tuple(kept[n].shape)} for {tuple(own[n].shape)}" for n in own if n in misshaped),
        dropped=tuple(name for name in state if name not in kept),
        prefix=prefix,
    )


def _own(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype, copy=True, memory_format=torch.contiguous_format)


def refuse(source: str, there: Sequence[str], here: Sequence[str]) -> NoReturn:
    """The TLError for a source of which not one tensor fits."""
    raise TLError(
        f"Nothing in {source} fits the backbone: it holds {_some(there)}; the backbone wants {_some(here)}. "
        "Choose the backbone that these weights were made for."
    )


def _tensors(path: Path) -> State:
    if not path.is_file():
        raise TLError(f"There are no weights at {path}: name a file, a run, or a folder that holds {RUN_MODEL}.")
    try:
        if path.suffix == ".safetensors":
            found: Mapping[str, object] = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise TLError(
            f"{path} is no file of plain tensors, and nothing else is ever unpickled: save 'model.state_dict()' alone, "
            "best as .safetensors."
        ) from error
    except (SafetensorError, *_BROKEN) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise TLError(f"{path} cannot be read as weights, it may be cut short or none: {reason}") from error
    nested = next((found[name] for name in _NESTED if isinstance(found.get(name), Mapping)), found)
    assert isinstance(nested, Mapping)
    tensors = OrderedDict((name, value) for name, value in nested.items() if isinstance(value, Tensor))
    if not tensors:
        there = _some(tuple(map(str, found)))
        raise TLError(f"{path} holds no tensors by name, only {there}: save 'model.state_dict()'.")
    return tensors


def _unwrapped(state: State) -> tuple[str, State]:
    found = [match[0] for match in map(_WRAPPERS.match, state) if match]
    return max(found, key=found.count, default=""), {_WRAPPERS.sub("", name): value for name, value in state.items()}


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest if names else "nothing"
