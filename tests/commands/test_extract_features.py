"""`tl extract-features`: the same arrays in every format, in line with targets and ids, and computed as we say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from .conftest import SIZES, Command, Runs, read_table, trained
from .test_evaluate import data_of

FORMATS = (".safetensors", ".npz", ".parquet", ".csv")


def arrays(path: Path) -> dict[str, Any]:
    """split.features, split.targets (as names of classes) and split.ids, whatever the format."""
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, "numpy") as file:
            facts = file.metadata()
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found |= {name: np.array(json.loads(text)) for name, text in facts.items()}
        return named(found)
    if path.suffix == ".npz":
        return named(dict(np.load(path)))
    if path.suffix == ".csv":
        rows: list[dict[str, Any]] = list(read_table(path))
    else:
        from pyarrow.parquet import read_table as read_parquet

        rows = read_parquet(path).to_pylist()
    found = {}
    for split in dict.fromkeys(row["split"] for row in rows):
        own = [row for row in rows if row["split"] == split]
        found[f"{split}.ids"] = np.array([row["id"] for row in own])
        found[f"{split}.targets"] = np.array([row["target"] for row in own])
        columns = [key for key in own[0] if key not in ("id", "split", "target")]
        assert columns == [f"f{i}" for i in range(len(columns))]
        found[f"{split}.features"] = np.array([[np.float32(row[key]) for key in columns] for row in own])
    return found


def named(found: dict[str, Any]) -> dict[str, Any]:
    names = found.pop("names")
    return {key: names[value] if key.endswith(".targets") else value for key, value in found.items()}


@pytest.fixture(scope="module")
def written(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    from tl.commands.extract_features import extract_features, save

    folder = tmp_path_factory.mktemp("features")
    found, space = extract_features(str(runs("image")), [], print)
    for ending in FORMATS:
        save(found, space, folder / f"f{ending}")
    return {ending: arrays(folder / f"f{ending}") for ending in FORMATS}


@pytest.mark.parametrize("ending", FORMATS[1:])
def test_all_formats_hold_the_same(ending: str, written: dict[str, dict[str, Any]]) -> None:
    first, other = written[".safetensors"], written[ending]
    assert first.keys() == other.keys()
    assert first["train.features"].dtype == np.float32
    for key in first:
        np.testing.assert_array_equal(first[key], other[key])


def test_targets_and_ids_are_those_of_the_files(runs: Runs, written: dict[str, dict[str, Any]]) -> None:
    found = written[".npz"]
    ids = np.concatenate([found[f"{split}.ids"] for split in ("train", "val", "test")])
    assert sorted(ids) == sorted(
        p.relative_to(data_of(runs("image"))).as_posix() for p in data_of(runs("image")).rglob("*.png")
    )
    for split in ("train", "val", "test"):
        assert [Path(name).parent.name for name in found[f"{split}.ids"]] == list(found[f"{split}.targets"])
    assert list(found["test.ids"]) == [row["id"] for row in read_table(runs("image") / "predictions" / "test.csv")]


def test_a_sample_computed_by_hand(runs: Runs, written: dict[str, dict[str, Any]]) -> None:
    from safetensors.torch import load_file

    from tl.batch import Inputs
    from tl.components.backbone.tiny_image import TinyImage
    from tl.recipe.weights import Weights

    run, found = runs("image"), written[".npz"]
    net = TinyImage(weights=Weights("none"), size=32).eval()
    state = load_file(run / "model.safetensors")
    net.load_state_dict({k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone.")})
    pixels = np.asarray(Image.open(data_of(run) / found["val.ids"][3]), np.float32).transpose(2, 0, 1) / 255
    with torch.no_grad():
        features = net(Inputs(torch.from_numpy((pixels - 0.5) / 0.25)[None]))
    np.testing.assert_allclose(features[0], found["val.features"][3], rtol=1e-4, atol=1e-5)


def test_a_run_gives_its_trained_backbone_and_a_recipe_the_one_it_starts_from(
    runs: Runs, tl: Command, tmp_path: Path
) -> None:
    recipe = ["data=tiny_shapes", "data.n=40", "backbone=tiny_image", *SIZES]
    probe = trained(tmp_path / "runs", [*recipe, "name=probe", "freeze=linear_probe"])
    tuned = trained(tmp_path / "runs", [*recipe, "name=tuned", "freeze=full", "optimizer.lr=0.01"])
    paths = [tmp_path / name for name in ("recipe.npz", "probe.npz", "tuned.npz")]
    for source, path in zip((["base", *recipe], [probe], [tuned]), paths, strict=True):
        assert (
            tl("extract-features", *source, "--to", path).out == f"{path}: train 28 x 128, val 6 x 128, test 6 x 128\n"
        )
    start, still, moved = (np.load(path) for path in paths)
    np.testing.assert_array_equal(start["train.features"], still["train.features"])
    assert np.abs(start["train.features"] - moved["train.features"]).max() > 1e-3


def test_numbers_and_labels_keep_their_columns(runs: Runs, tl: Command, tmp_path: Path) -> None:
    assert tl("extract-features", runs("number"), "--to", tmp_path / "n.csv").code == 0
    table = read_table(data_of(runs("number")))
    for row in read_table(tmp_path / "n.csv"):
        source = table[int(row["id"]) - 2]
        assert float(row["target_length"]) == pytest.approx(float(source["length"]), rel=1e-6)
        assert float(row["target_vowels"]) == float(source["vowels"])
    said = tl("extract-features", runs("multi"), "--to", tmp_path / "m.npz", "--json").json
    assert said == {"to": str(tmp_path / "m.npz"), "splits": {"train": [56, 128], "val": [12, 128], "test": [12, 128]}}
    assert set(np.unique(np.load(tmp_path / "m.npz")["train.targets"])) == {0.0, 1.0}


def test_an_unknown_target_is_no_class(tl: Command, runs: Runs, tmp_path: Path) -> None:
    source = data_of(runs("image"))
    for split in ("train", "val", "test"):
        for picture in sorted(source.rglob("*.png"))[:: {"train": 4, "val": 9, "test": 9}[split]]:
            place = tmp_path / "data" / split / picture.parent.name / picture.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(picture.read_bytes())
    (tmp_path / "data" / "target").mkdir()
    (tmp_path / "data" / "target" / "x.png").write_bytes(next(source.rglob("*.png")).read_bytes())
    recipe = ["base", f"data.root={tmp_path / 'data'}", "loop.device=cpu"]
    assert tl("extract-features", *recipe, "--to", tmp_path / "f.csv").code == 0
    assert tl("extract-features", *recipe, "--to", tmp_path / "f.npz").code == 0
    assert [row["target"] for row in read_table(tmp_path / "f.csv") if row["split"] == "target"] == [""]
    assert np.load(tmp_path / "f.npz")["target.targets"].tolist() == [-1]


def test_mistakes_come_before_the_work(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run = runs("image")
    assert (
        tl("extract-features", run).mistake
        == "Say where to write: --to features.safetensors (or .npz, .parquet, .csv)."
    )
    said = tl("extract-features", run, "--to", "f.pt")
    assert (said.code, said.mistake) == (2, "--to 'f.pt' ends in none of .safetensors, .npz, .parquet, .csv.")
    said = tl("extract-features", run, "data.limit=3", "--to", tmp_path / "f.npz")
    assert (said.code, said.mistake) == (2, "A run is extracted as it is: give overrides to a recipe, not to a run.")
    assert tl("extract-features", tmp_path, "--to", tmp_path / "f.npz").code == 2
