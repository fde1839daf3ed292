"""`tl extract-features`: the features that a head would see, for every split, written to a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tl.commands.assemble import assemble, provenance
from tl.commands.forms import WORDS
from tl.commands.open_run import evaluator as evaluator_of
from tl.commands.open_run import open_run, own_splits
from tl.commands.settle import without_cache_folder, without_download
from tl.components.data.labels import has_target
from tl.components.sample import Samples
from tl.disk.folder import replacing, write_whole
from tl.errors import TLError
from tl.evaluation.evaluator import Evaluator
from tl.evaluation.outcome import write_table
from tl.inputs.activations import Activations, Reads
from tl.inputs.pairs import items_of
from tl.inputs.workers import processes
from tl.place import Place
from tl.recipe.recipe import load as load_recipe
from tl.run.disk import writing
from tl.space import Space

_HALVES, _PAIRS = ("first", "second"), 3
ENDINGS = (".safetensors", ".npz", ".parquet", ".csv")


@dataclass(frozen=True)
class Features:
    """Features (N, dim), of pairs (N, 2, dim), targets and sample ids of a split.

    The target of an unlabelled sample is -1 (class) or nan. Pairs without a score have a number for each half, of which
    equal ones stand for the same text or picture.
    """

    features: Tensor
    targets: Tensor
    ids: tuple[str, ...]


def extract_features(
    reference: str, overrides: list[str], say: Callable[[str], None]
) -> tuple[dict[str, Features], Space]:
    """The features of each split, and the output space.

    A recipe's data passes the recipe's backbone, a run's data the run's trained backbone. Features are read from the
    cache, or computed and written to it; `say` gets a line on what is cached.
    """
    path = Path(reference)
    if path.is_dir():
        if overrides:
            raise TLError("A run is extracted as it is: give overrides to a recipe, not to a run.")
        trained = open_run(path)
        recipe, model = trained.recipe, trained.model
        splits = own_splits(trained, recipe.data)
    else:
        recipe = without_cache_folder(without_download(load_recipe(reference, overrides)))
        assembly = assemble(recipe)
        model, splits = assembly.model, assembly.data.splits
    if model.task.reads not in ("pooled", "pair"):
        text = (
            f"gives one vector for each sample, but the task here reads {WORDS[model.task.reads]}, one vector for each"
        )
        raise TLError(f"tl extract-features {text}: there is no file for these yet.")
    evaluator, workers = evaluator_of(recipe), processes(recipe.loop)
    place = Place(evaluator.device)
    activations = Activations(model.to(place.device), provenance(recipe, model.backbone), recipe.cache, place, say)
    found = {
        name: _extract(name, samples, activations, evaluator, workers) for name, samples in splits.items() if samples
    }
    return found, model.head.space


def _extract(name: str, samples: Samples, activations: Activations, evaluator: Evaluator, workers: int) -> Features:
    model = activations.model
    items = items_of(samples, model.task, model.backbone.preprocess, workers=workers)
    source = activations.source(name, items, Reads({model.depth: 1.0}))
    features, targets = evaluator.features(model, source)
    targets[torch.from_numpy(~has_target(samples))] = torch.nan if targets.is_floating_point() else -1
    return Features(features, targets, tuple(samples.ids))


def save(found: Mapping[str, Features], space: Space, to: Path) -> None:
    """Write the features as the ending of `to` says, one of ENDINGS.

    The first two hold tensors <split>.features and <split>.targets, the others a table with a row for each sample.
    """
    tensors = {
        f"{split}.{what}": getattr(one, what) for split, one in found.items() for what in ("features", "targets")
    }
    if to.suffix == ".safetensors":
        from safetensors.torch import save as as_safetensors

        facts = {
            "names": json.dumps(space.names),
            **{f"{split}.ids": json.dumps(one.ids) for split, one in found.items()},
        }
        with writing(to, "."):
            write_whole(to, as_safetensors({name: tensor.contiguous() for name, tensor in tensors.items()}, facts))
    elif to.suffix == ".npz":
        import numpy as np

        ids = {f"{split}.ids": np.asarray(one.ids) for split, one in found.items()}
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        with writing(to, "."), replacing(to) as file:
            np.savez_compressed(file, names=np.asarray(space.names), **arrays, **ids)  # type: ignore[arg-type]
    else:
        write_table(to, *_rows(found, space))


def _rows(found: Mapping[str, Features], space: Space) -> tuple[list[str], list[list[object]]]:
    some = next(iter(found.values()))
    dim, halves = some.features.shape[-1], some.features.ndim == _PAIRS
    classes = some.targets.ndim == 1
    numbers = space.names if classes or some.targets.shape[1] == space.dim else _HALVES
    targets = ["target"] if classes else [f"target_{name}" for name in numbers]
    before = [f"{half}_" for half in _HALVES] if halves else [""]
    header = ["id", "split", *targets, *(f"{half}f{i}" for half in before for i in range(dim))]
    rows: list[list[object]] = []
    for split, one in found.items():
        for name, target, features in zip(one.ids, one.targets.tolist(), one.features.flatten(1).tolist(), strict=True):
            values = [space.names[target] if target >= 0 else None] if classes else target
            rows.append([name, split, *values, *features])
    return header, rows


def sizes(found: Mapping[str, Features]) -> dict[str, list[int]]:
    """The shape of each split's features."""
    return {split: list(torch.Size(one.features.shape)) for split, one in found.items()}
