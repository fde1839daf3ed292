"""Load weights from a file or a run into a module, and report which tensors matched."""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast
from zipfile import is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tl.boundary.foreign import reading
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.components.preprocess_file import from_json
from tl.errors import TLError
from tl.recipe.weights import RUN_MODEL, RUN_PREPROCESS, Weights
from tl.run.schema import check_hashes

State = Mapping[str, Tensor]
P = TypeVar("P", ImagePreprocess, TextPreprocess)
M = TypeVar("M", bound=nn.Module)

WRAPPERS = re.compile(r"^(?:(?:module|model|backbone|net|_orig_mod)\.)+")
"""What DataParallel, torch.compile and classes around a network put before the names of its tensors."""

_NESTED = ("state_dict", "model", "model_state_dict", "model_ema", "net")
_SHOWN = 4
_ODD_TENSORS: Mapping[str, Callable[[Tensor], bool]] = {
    "without memory (torch's meta device)": lambda value: value.is_meta,
    "nested": lambda value: value.is_nested,
    "sparse": lambda value: value.layout is not torch.strided,
    "quantised": lambda value: value.is_quantized,
    "of complex numbers": lambda value: value.is_complex(),
}


@dataclass(frozen=True)
class LoadReport:
    """The module's tensors that were `loaded`, `missing` in the source, or of another shape there (`misshaped`).

    Of the source's other tensors, `dropped` ones were left out on purpose (a classifier, a pooler); `unexpected` ones
    have no place in the module. `prefix` is what was taken off the source's names.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshaped: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    prefix: str = ""

    def lines(self) -> list[str]:
        """The report for the user: a line on the loaded tensors, and one on each other kind that occurred.

        What was left out on purpose is told only beside something that went otherwise than it should.
        """
        wanted = len(self.loaded) + len(self.missing) + len(self.misshaped)
        without = f", names without '{self.prefix}'" if self.prefix else ""
        kinds = {
            "missing there, so still random": self.missing,
            "of another shape there, so still random": self.misshaped,
            "unknown here, so unused": self.unexpected,
        }
        if any(kinds.values()):
            kinds["left out, as it is not part of the backbone"] = self.dropped
        found = [f"{what}: {_listed(names)}" for what, names in kinds.items() if names]
        return [f"loaded {len(self.loaded)} of {wanted} tensors from {self.source}{without}", *found]


def read_weights(weights: Weights, inside: str = "backbone.net.") -> State:
    """The tensors of a file, of a folder's model.safetensors or of a run, by name.

    Of a run, only tensors whose names start with `inside` are returned, without that prefix. Unpickling a file gives
    tensors only. A file is mapped into memory where its format allows that.
    """
    assert weights.path is not None, f"weights of the kind '{weights.kind}' lie in no file"
    if weights.kind == "run":
        check_hashes(weights.path, [RUN_MODEL])
        tensors = _read_tensors(weights.path / RUN_MODEL)
        return {name.removeprefix(inside): value for name, value in tensors.items() if name.startswith(inside)}
    return _read_tensors(weights.path / RUN_MODEL if weights.kind == "folder" else weights.path)


def check_no_model_folder(weights: Weights, name: str, package: str) -> None:
    """TLError where `weights` are a hub's or a Transformers folder's, which do not hold the network `name`."""
    if weights.kind in ("hub", "folder"):
        where = f"hub:{weights.hub}" if weights.kind == "hub" else weights.path
        raise TLError(f"backbone.weights={where} holds no {name}: write none, package:{package}, a file or a run.")


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


def build_with_state(
    make: Callable[[], M], state: State | None, source: str, dropped: Sequence[str] = ()
) -> tuple[M, LoadReport | None]:
    """The module that `make` makes, with the tensors of `state`; draws no random weights where the state has them all.

    The module is first made of tensors without memory (torch's `meta` device), which the state replaces. Where tensors
    without memory remain (the state lacks them, or they are buffers that no state holds), the module is made again with
    random weights, and then loaded.
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
    """Copy the tensors that fit by name and shape into the module, except names that start like one of `dropped`.

    Where no name fits, prefixes of wrappers such as 'module.' are taken off; TLError where still no tensor fits. A
    tensor on the `meta` device becomes a copy in memory of its own, never a part of the mapped file, because a weight
    may be trained, and a file may be overwritten while a run still reads it.
    """
    own = module.state_dict()
    prefix = ""
    if not own.keys() & state.keys():
        prefix, state = _without_wrappers(state)
    kept = OrderedDict((name, value) for name, value in state.items() if not name.startswith(tuple(dropped)))
    misshaped = {name for name, value in kept.items() if name in own and own[name].shape != value.shape}
    fitting = OrderedDict((name, value) for name, value in kept.items() if name not in misshaped)
    bare = any(tensor.is_meta for tensor in own.values())
    with reading(source, "its tensors cannot be taken over", "copy the file again, or choose the backbone it is for"):
        if bare:
            fitting = OrderedDict((n, _copied(v, own[n].dtype) if n in own else v) for n, v in fitting.items())
        outcome = module.load_state_dict(fitting, strict=False, assign=bare)
    missing = set(outcome.missing_keys) - misshaped
    filled = tuple(name for name in own if name not in missing and name not in misshaped)
    if not any(name in filled for name in fitting):
        raise nothing_fits(source, tuple(state), tuple(own))
    return LoadReport(
        source=source,
        loaded=filled,
        missing=tuple(name for name in own if name in missing),
        unexpected=tuple(outcome.unexpected_keys),
        misshaped=tuple(f"{n} {tuple(kept[n].shape)} for {tuple(own[n].shape)}" for n in own if n in misshaped),
        dropped=tuple(name for name in state if name not in kept),
        prefix=prefix,
    )


def _copied(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype, copy=True, memory_format=torch.contiguous_format)


def nothing_fits(source: str, there: Sequence[str], here: Sequence[str]) -> TLError:
    """The error for a source of which no tensor fits; `there` and `here` are the source's and the module's names."""
    return TLError(
        f"Nothing in {source} fits the backbone: it holds {_listed(there)}; the backbone wants {_listed(here)}. "
        "Choose the backbone that these weights were made for."
    )


def _read_tensors(path: Path) -> State:
    if not path.is_file():
        raise TLError(f"There are no weights at {path}: name a file, a run, or a folder that holds {RUN_MODEL}.")
    with reading(str(path), "cannot be read as weights, it may be cut short or none", "copy it again"):
        try:
            if path.suffix == ".safetensors":
                found: object = load_file(path)
            else:
                found = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
        except pickle.UnpicklingError as error:
            raise TLError(
                f"{path} is no file of plain tensors, and nothing else is ever unpickled: save 'model.state_dict()' "
                "alone, best as .safetensors."
            ) from error
    if not isinstance(found, Mapping):
        raise TLError(f"{path} holds no tensors by name, but a {type(found).__name__}: save 'model.state_dict()'.")
    nested = next((inner for name in _NESTED if isinstance(inner := found.get(name), Mapping)), found)
    tensors = OrderedDict(
        (name, value) for name, value in nested.items() if isinstance(name, str) and isinstance(value, Tensor)
    )
    if not tensors:
        there = _listed(tuple(map(str, found)))
        raise TLError(f"{path} holds no tensors by name, only {there}: save 'model.state_dict()'.")
    check_plain(tensors, str(path))
    return tensors


def check_plain(tensors: State, source: str) -> None:
    """TLError where a tensor has no memory or is stored in a way that only the program that made it computes with."""
    for name, value in tensors.items():
        odd = next((what for what, is_so in _ODD_TENSORS.items() if is_so(value)), None)
        if odd is not None:
            raise TLError(f"{source}: the tensor '{name}' is {odd}: save plain numbers, as model.float() has them.")


def wrapper_prefix(names: Iterable[str]) -> str:
    """The prefix of a wrapper, such as 'module.', that most of the names with one begin with; '' where none has one."""
    found = [match[0] for match in map(WRAPPERS.match, names) if match]
    return max(found, key=found.count, default="")


def _without_wrappers(state: State) -> tuple[str, State]:
    return wrapper_prefix(state), {WRAPPERS.sub("", name): value for name, value in state.items()}


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest if names else "nothing"
