"""What holds for every data option, with the keys that the first shipped recipe with this option gives it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.test_smoke import ABSENT, loaded, overrides
from tests.user_data import write_all
from tl.components.data.base import DataSource
from tl.components.picture import file_bytes
from tl.components.sample import Annotation, Picture, Sample, halves_of
from tl.errors import TLError
from tl.recipe.build import build
from tl.recipe.registry import options, shipped_recipes

every = pytest.mark.parametrize("name", list(options("data")))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    write_all(folder)
    return folder


def source(name: str, made: Path) -> DataSource:
    for recipe, path in shipped_recipes().items():
        if f"- data: {name}\n" in path.read_text(encoding="utf-8"):
            found: DataSource = build(loaded(recipe, overrides(recipe, made, made)).data)
            return found
    pytest.fail(f"no shipped recipe has the line '- data: {name}': add one")


def samples(option: DataSource) -> list[Sample]:
    try:
        return option.read()
    except TLError as error:
        if any(words in str(error) for words in ABSENT):
            pytest.skip(str(error))
        raise


def raw(sample: Sample) -> object:
    """A sample's input, a picture by its bytes."""
    return file_bytes(sample.input) if isinstance(sample.input, (Path, Picture)) else sample.input


@every
def test_it_lists_the_same_samples_each_time_with_ids_of_their_own(name: str, made: Path) -> None:
    one, two = ([(s.id, s.target, s.where, s.split, s.group) for s in samples(source(name, made))] for _ in range(2))
    assert one
    assert one == two
    assert len({id for id, *_ in one}) == len(one)
    assert all(where for _, _, where, _, _ in one)


@every
def test_inputs_and_targets_are_what_modality_and_kind_say(name: str, made: Path) -> None:
    option = source(name, made)
    targets = {"single": str, "multi": tuple, "number": tuple}
    for sample in samples(option):
        for half in halves_of(sample.input):
            assert isinstance(half, (Path, Picture)) == (option.modality == "image")
        assert sample.target is None or isinstance(sample.target, targets.get(option.kind, Annotation))
    assert bool(option.target_names()) == (option.kind == "number")


@every
def test_it_opens_no_picture(name: str, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    option = source(name, made)
    opened: list[object] = []
    really_open: Any = Image.open

    def refuse(file: object, *rest: object, **named: object) -> object:
        if option.modality == "image" and option.kind not in ("single", "multi", "number"):
            # What lies over a picture is checked as it is read, masks and the headers of pictures too.
            return really_open(file, *rest, **named)
        opened.append(file)
        raise OSError("read() must not open pictures")

    monkeypatch.setattr("PIL.Image.open", refuse)
    listed = samples(option)
    assert listed
    assert opened == []


@every
def test_samples_can_be_pickled_for_worker_processes(name: str, made: Path) -> None:
    for sample in samples(source(name, made))[:3]:
        again = pickle.loads(pickle.dumps(sample))
        assert (again.id, again.target, raw(again)) == (sample.id, sample.target, raw(sample))
