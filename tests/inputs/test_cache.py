"""Cached runs equal uncached ones bit for bit; the cache itself is bounded, shared, and survives kills."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import IMAGE, SHORT, TEXT
from tests.training.test_trainer import equal, interrupt
from tl.disk.folder import Folder, NotOurs
from tl.disk.lock import NoLocks
from tl.errors import Stopped, TLError
from tl.inputs.cache import GB, Cache
from tl.inputs.filling import writing_rows
from tl.inputs.layout import DIGESTS, DONE, LAYOUT, ROWS, Layout, head
from tl.inputs.supply import reads_of

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]
SCHEDULES = {
    "probe": ["freeze=linear_probe"],
    "probe, then all": ["freeze=linear_then_all", "freeze.probe=50%"],
    "top": ["freeze=top_k", "freeze.stages=1"],
    "gradual": ["freeze=gradual", "freeze.every=3step"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def same(a: Path, b: Path, rows: Rows) -> bool:
    return equal(a, b) and rows(a) == rows(b) and rows(a, "val") == rows(b, "val")


def notes(run: Path) -> str:
    return "\n".join(line for line in (run / "log.txt").read_text().splitlines() if "cache: " in line)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_cached_equals_uncached(kind: list[str], schedule: list[str], train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*kind, *SHORT, *schedule, f"cache.folder={folder}", "optimizer.lr=0.003"]
    without = train(*recipe, "cache.use=never")
    cold, warm = train(*recipe, "cache.use=always"), train(*recipe, "cache.use=always")
    assert "computed once" not in notes(without)
    assert "computed once" in notes(cold)
    assert "computed once" not in notes(warm)
    assert "is read back" in notes(warm)
    assert same(without, cold, rows)
    assert same(without, warm, rows)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_fixed_views_are_cached_and_equal(kind: list[str], train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*kind, *SHORT, *SCHEDULES["top"], f"cache.folder={folder}", "loop.views=3"]
    recipe += ["augment=text" if kind is TEXT else "augment=image"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe, "cache.use=always")
    assert "train computed once" in notes(cached)
    assert same(without, cached, rows)
    other = train(*recipe, "cache.use=always", "loop.views=2")
    assert "train computed once" in notes(other)


@pytest.mark.parametrize("at", [2, 7])
def test_a_cached_run_resumes_bit_for_bit(
    at: int, train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = [*TEXT, *SHORT, *SCHEDULES["gradual"], f"cache.folder={folder}", "loop.ema=0.9"]
    whole = train(*recipe, "cache.use=never")
    with monkeypatch.context() as patch:
        interrupt(at, patch)
        with pytest.raises(Stopped):
            train(*recipe, "cache.use=always")
    halted = max(p for p in (tmp_path / "runs" / "base").iterdir() if p != whole)
    assert same(whole, train(resume=halted), rows)


@pytest.mark.parametrize(
    "augment, reason",
    [
        (["augment=image", "augment.mixup=0.2"], "mixup and cutmix need the inputs at every step"),
        (["augment=image"], "each reading is augmented anew; loop.views=4 would fix 4 views"),
    ],
)
def test_it_steps_aside_and_says_why(augment: list[str], reason: str, train: Train, folder: Path) -> None:
    run = train(*IMAGE, *SHORT, *SCHEDULES["top"], *augment, f"cache.folder={folder}", "cache.use=always")
    assert notes(run).count(f"cache: not used for the activations of train: {reason}.") == 1
    assert "the pictures of train computed once" in notes(run)


def test_a_teachers_answers_are_read_back(train: Train, rows: Rows, folder: Path) -> None:
    teacher = train(*IMAGE, *SHORT, "name=teacher", "freeze=full")
    recipe = [*IMAGE, *SHORT, "method=distill", f"method.teacher={teacher}", "freeze=full", f"cache.folder={folder}"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe, "cache.use=always")
    assert "the teacher's answers to train computed once" in notes(cached)
    terms = [[row["distill"] for row in rows(run)] for run in (without, cached)]
    assert terms[0] == pytest.approx(terms[1], rel=1e-4)


def test_pictures_that_a_teacher_sees_anew_are_decoded_once(train: Train, rows: Rows, folder: Path) -> None:
    teacher = train(*IMAGE, *SHORT, "name=teacher", "freeze=full")
    recipe = [*IMAGE, *SHORT, "method=distill", f"method.teacher={teacher}", "freeze=full", "augment=image"]
    without, cached = (train(*recipe, f"cache.use={use}", f"cache.folder={folder}") for use in ("never", "auto"))
    assert "the pictures of train computed once" in notes(cached)
    assert same(without, cached, rows)


def test_another_backbone_or_other_data_are_other_entries(train: Train, folder: Path) -> None:
    recipe = [*TEXT, *SHORT, *SCHEDULES["probe"], f"cache.folder={folder}", "cache.use=always"]
    train(*recipe)
    for change in ("backbone.weights=none", "data.n=150", "backbone.max_length=12"):
        assert "train computed once" in notes(train(*recipe, change)), change
    assert "computed once" not in notes(train(*recipe, "seed=0", "head=mlp", "optimizer.lr=0.1"))


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_rounded_storage_stays_near(dtype: str, train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*IMAGE, *SHORT, *SCHEDULES["probe"], f"cache.folder={folder}", "cache.use=always", "optimizer.lr=0.0002"]
    runs = [train(*recipe, f"cache.dtype={kind}") for kind in ("same", dtype)]
    exact, rounded = map(rows, runs)
    assert [row["loss"] for row in rounded] == pytest.approx([row["loss"] for row in exact], rel=0.02)
    assert rounded != exact
    said = re.search(
        rf"train, stored as {dtype} where .*: the loss of \d+ samples is (\S+) with it and (\S+) w", notes(runs[1])
    )
    assert said is not None
    assert float(said[1]) == pytest.approx(float(said[2]), rel=0.02)
    assert said[1] != said[2]
    assert "stored as" not in notes(runs[0])


def test_a_cut_that_is_out_of_date_when_its_phase_comes_is_not_stored() -> None:
    assert reads_of([4, 2, 3, 2, 0], [1, 1, 1, 1, 1]).counts == {4: 1, 2: 2}
    assert reads_of([0, 3], [1, 1]).counts == {0: 1}


def test_pictures_are_decoded_once(train: Train, rows: Rows, folder: Path) -> None:
    recipe = [*IMAGE, *SHORT, "freeze=full", f"cache.folder={folder}"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe)
    assert "the pictures of train computed once" in notes(cached)
    assert same(without, cached, rows)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of JPEGs of unequal sizes, some turned, some reduced when they are decoded, and a few PNGs."""
    draw = np.random.default_rng(0)
    for number in range(24):
        kind, tone = ("dark", 60) if number % 2 else ("light", 160)
        height, width = draw.integers(20, 200, 2)
        image = Image.fromarray(draw.integers(tone, tone + 90, (height, width, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112] = number % 8 + 1
        (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "photos" / kind / f"{number}.{'png' if number % 5 == 0 else 'jpg'}", exif=exif)
    return tmp_path / "photos"


RANDOM = ["backbone=tiny_image", "loop.batch=8", "loop.device_batch=4", *SHORT, "augment=image", "augment.color=0.3"]


@pytest.mark.parametrize("freeze", ["full", "linear_probe"])
def test_pictures_that_are_augmented_anew_are_decoded_once(
    freeze: str, photos: Path, train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tl.commands.assemble import assemble
    from tl.components.picture import open_image
    from tl.recipe.recipe import load

    recipe = [f"data.root={photos}", *RANDOM, f"freeze={freeze}", f"cache.folder={folder}"]
    without, cold = train(*recipe, "cache.use=never"), train(*recipe)
    assert "cache: " not in notes(without)
    assert notes(cold).count("cache: the pictures of train computed once in ") == 1
    opened: list[object] = []

    def watched(source: Any, min_side: int | None) -> Image.Image:
        opened.append(source)
        return open_image(source, min_side)

    monkeypatch.setattr("tl.inputs.items.open_image", watched)
    warm = train(*recipe)
    assert notes(warm).count("cache: the pictures of train is read back.") == 1
    trained_on = {sample.input for sample in assemble(load("base", recipe)).data.splits["train"]}
    assert len(trained_on) == 16
    assert not trained_on & set(opened)
    assert same(without, cold, rows)
    assert same(without, warm, rows)


def test_any_number_of_processes_reads_and_stores_the_same(
    photos: Path, train: Train, rows: Rows, tmp_path: Path
) -> None:
    recipe = [f"data.root={photos}", *RANDOM, "freeze=full"]
    runs = [
        train(*recipe, f"loop.workers={workers}", f"cache.use={use}", f"cache.folder={tmp_path / f'cache{workers}'}")
        for workers in (0, 1, 2)
        for use in ("never", "auto")
    ]
    assert all(same(runs[0], other, rows) for other in runs[1:])
    stored = [sorted(file.read_bytes() for file in tmp_path.glob(f"cache{n}/*/rows.bin")) for n in (0, 1, 2)]
    assert len(stored[0]) >= 2  # train whole, val cropped
    assert stored[0] == stored[1] == stored[2]


def test_every_stored_picture_is_the_decoded_one(photos: Path) -> None:
    from tl.components.picture import HEADER_BYTES, decoded_size, image_to_row, open_image, row_to_image

    for path in sorted(photos.rglob("*.*")):
        image = open_image(path, 64)
        row = image_to_row(image)
        width, height = decoded_size(path, 64)
        assert len(row) == HEADER_BYTES + 3 * width * height
        assert row[HEADER_BYTES:].tobytes() == image.tobytes()
        # A row may begin at any byte of its file.
        again = row_to_image(np.concatenate([np.zeros(1, np.uint8), row])[1:])
        assert (again.mode, again.size, again.tobytes()) == ("RGB", image.size, image.tobytes())
    for odd in (row[:-1], np.concatenate([row, row[:3]]), np.concatenate([-row[:8], row[8:]])):
        with pytest.raises(TLError, match="has another size than its header says"):
            row_to_image(odd)


def test_pictures_of_one_pass_or_too_large_for_the_cache_are_left_where_they_are(
    photos: Path, train: Train, folder: Path
) -> None:
    recipe = [f"data.root={photos}", *RANDOM, "freeze=full", f"cache.folder={folder}"]
    assert "the pictures of train" not in notes(train(*recipe, "loop.length=2step", "cache.use=always"))
    for use in ("auto", "always"):
        small = notes(train(*recipe, "cache.max_gb=0.0001", f"cache.use={use}"))
        assert small.count("cache: the pictures of train, would take 0.0 GB, but cache.max_gb is 0.0001") == 1
        assert "the pictures of train computed once" not in small
    assert not [entry for entry in Cache(folder, 1).entries() if "the pictures of train" in entry.what]


def test_storing_pictures_goes_on_after_a_kill(
    photos: Path, train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk gives out in the middle, as at a kill, and what was finished is not written again."""
    from tl.inputs import filling
    from tl.inputs.filling import RowWriter

    monkeypatch.setattr(filling, "_PICTURES", 2)
    recipe = [f"data.root={photos}", *RANDOM, "freeze=full", f"cache.folder={folder}"]
    written: list[int] = []
    write = RowWriter.write

    def killed(draft: RowWriter, chunk: int, *rest: Any) -> None:
        if draft.layout.lengths is None:  # the validation split, cropped
            write(draft, chunk, *rest)
            return
        if len(written) == 3:
            draft._sync()
            raise KeyboardInterrupt
        written.append(chunk)
        write(draft, chunk, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(RowWriter, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            train(*recipe)
    (part,) = folder.glob("*.part")
    done = (part / "done.bin").read_bytes()
    assert sum(done) == 3
    later: list[int] = []

    def watched(draft: RowWriter, chunk: int, *rest: Any) -> None:
        if draft.folder == part:
            later.append(chunk)
        write(draft, chunk, *rest)

    monkeypatch.setattr(RowWriter, "write", watched)
    cached = train(*recipe)
    assert sorted(later) == [number for number, byte in enumerate(done) if not byte]
    assert same(train(*recipe, "cache.use=never"), cached, rows)


@pytest.mark.parametrize("what", ["a file", "unwritable"])
def test_a_cache_that_cannot_be_written_is_said_and_done_without(
    what: str, train: Train, rows: Rows, tmp_path: Path
) -> None:
    place = tmp_path / "file" if what == "a file" else Path("/proc/tl")
    (tmp_path / "file").write_text("")
    recipe = [*TEXT, *SHORT, *SCHEDULES["probe"]]
    run = train(*recipe, "cache.use=always", f"cache.folder={place}")
    assert notes(run).count(f"cache: not used for train: {place}") == 1
    assert same(train(*recipe, "cache.use=never"), run, rows)


def test_weights_that_learnt_in_between_are_other_entries(
    train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts learn first, then the head alone: the second phase must not read what the first began from."""
    from tl.components.freeze.linear_then_all import LinearThenAll

    phases = LinearThenAll.phases

    def reversed_phases(schedule: LinearThenAll, parts: Any) -> Any:
        first, second = phases(schedule, parts)
        return (replace(first, train=second.train), replace(second, train=first.train))

    monkeypatch.setattr(LinearThenAll, "phases", reversed_phases)
    recipe = [*TEXT, *SHORT, *SCHEDULES["probe, then all"], f"cache.folder={folder}", "optimizer.lr=0.01"]
    without, cached = train(*recipe, "cache.use=never"), train(*recipe, "cache.use=always")
    assert same(without, cached, rows)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_the_prefix_gives_what_the_whole_model_computes(kind: list[str]) -> None:
    """Against the model's own forward on the batch as it is, for every cut."""
    import torch

    from tl.commands.assemble import assemble
    from tl.inputs.frozen import ComputedActivations, FrozenStages
    from tl.inputs.streams import Draw
    from tl.place import Place
    from tl.recipe.recipe import load

    assembly = assemble(load("base", kind))
    model, items = assembly.model.eval(), assembly.items("train")
    plan = [[Draw(number, 0) for number in (7, 3, 50, 11, 30)]]
    (batch,) = items.batches(iter(plan))
    with torch.no_grad():
        whole = model.features(batch.x)
        for cut in range(1, len(model.backbone.stages()) + 2):
            (ready,) = ComputedActivations(
                items, FrozenStages(model.backbone, [cut], Place(torch.device("cpu")))
            ).batches(iter(plan))
            assert ready.start == cut
            assert torch.equal(ready.y, batch.y)
            torch.testing.assert_close(model.features(ready.x, ready.start), whole, rtol=1e-4, atol=1e-5)


def entry_of(cache: Cache, name: str) -> Path:
    """A finished entry, made as training makes one."""
    with cache.writing(name, "rows", Layout(1, "float32", (1,)), pytest.fail) as part:
        assert part is not None
        (part / "rows.bin").write_bytes(b"rows")
    return cache.folder / name


def test_a_planted_unfinished_entry_is_begun_anew(folder: Path, tmp_path: Path) -> None:
    """rows.bin of a stranger's unfinished entry was a link: the pixels went into the file that it named."""
    name, victim = "0" * 32, tmp_path / "victim"
    victim.write_text("precious")
    (folder / f"{name}.part").mkdir(parents=True)
    for planted in (ROWS, DONE, LAYOUT, DIGESTS, "what.json"):
        (folder / f"{name}.part" / planted).symlink_to(victim)
    layout = Layout(2, "float32", (3,))
    with writing_rows(Cache(folder, GB), name, "rows", layout, 1, pytest.fail) as writer:
        assert writer is not None
        with writer.writing():
            writer.write(0, [0, 1], list(torch.arange(6.0).view(2, 3)))
    assert victim.read_text() == "precious"
    assert (folder / name / ROWS).read_bytes() == torch.arange(6.0).numpy().tobytes()


def test_what_a_killed_writer_left_does_not_stay_in_the_entry(folder: Path) -> None:
    (folder / f"{'0' * 32}.part").mkdir(parents=True)
    for name in (".0123456789ab.part", ROWS):
        (folder / f"{'0' * 32}.part" / name).write_bytes(b"half")
    assert {file.name for file in entry_of(Cache(folder, GB), "0" * 32).iterdir()} == {ROWS, "what.json"}


def test_an_unfinished_entry_that_is_a_link_or_another_users_is_begun_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, theirs = "0" * 32, tmp_path / "theirs"
    (theirs / "deep").mkdir(parents=True)
    folder.mkdir()
    (folder / f"{name}.part").symlink_to(theirs)
    assert entry_of(Cache(folder, GB), name).is_dir()
    assert [file.name for file in theirs.iterdir()] == ["deep"]
    (folder / f"{'1' * 32}.part").mkdir()
    (folder / f"{'1' * 32}.part" / ROWS).write_bytes(b"poison")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with Folder.at(folder) as place:
        assert not place.is_ours(f"{'1' * 32}.part", stat.S_IFDIR)


def test_a_planted_lock_is_refused_wherever_an_entry_is_locked(folder: Path, tmp_path: Path) -> None:
    name, cache, victim = "0" * 32, Cache(folder, GB), tmp_path / "victim"
    victim.write_text("precious")
    entry_of(cache, name)
    assert not list((folder / "locks").iterdir())
    (folder / "locks" / name).symlink_to(victim)
    with pytest.raises(NotOurs, match=f"locks/{name}' is a link"):
        cache.clear()
    with pytest.raises(NotOurs, match="is a link"):
        entry_of(cache, name)
    assert victim.read_text() == "precious"


def test_without_locks_nothing_is_written_but_all_can_be_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(folder, GB)
    entry_of(cache, "0" * 32)

    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(NoLocks, match="knows no locks"):
        entry_of(cache, "1" * 32)
    assert cache.clear() >= 0
    assert not cache.entries()


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_an_entry_whose_rows_no_stage_gives_is_computed_anew(
    kind: list[str], train: Train, rows: Rows, folder: Path
) -> None:
    """The layout was changed, with a checksum of its own: it has as many numbers, but in another shape."""
    recipe = [*kind, *SHORT, *SCHEDULES["top"], f"cache.folder={folder}", "cache.use=always"]
    first = train(*recipe)
    for place in (entry.folder for entry in Cache(folder, GB).entries()):
        facts = json.loads((place / LAYOUT).read_text())
        facts["shape"] = [*facts["shape"][:-1], facts["shape"][-1] // 2, 2]
        (place / LAYOUT).write_text(json.dumps(facts))
        sums = (place / DIGESTS).read_bytes()
        (place / DIGESTS).write_bytes(head(place, (place / LAYOUT).read_bytes()) + sums[16:])
    again = train(*recipe)
    assert "is not used: its layout is not that of these samples" in notes(again)
    assert "is read back" not in notes(again)
    assert same(first, again, rows)


PROBE = [*RANDOM[:-2], "augment=none", "freeze=linear_probe"]


@pytest.mark.parametrize("kept", [PROBE, pytest.param([*RANDOM, "freeze=full"], marks=pytest.mark.slow)])
def test_a_picture_that_changes_before_its_row_is_made_leaves_no_row(
    kept: list[str], photos: Path, train: Train, rows: Rows, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row would have been kept under the old picture's name, for every later run."""
    from tl.inputs.keeper import Keeper

    digest, changed = Keeper.digest, dict[Path, bytes]()
    recipe = [f"data.root={photos}", *kept, "cache.use=always", f"cache.folder={folder}", "loop.length=4step"]
    whole = train(*recipe, "cache.use=never")

    def and_then_one_changes(keeper: Keeper, items: Any) -> str:
        found = digest(keeper, items)
        if not changed:
            victim = next(file for file in items.samples.inputs if file.suffix == ".png")
            changed[victim] = victim.read_bytes()
            Image.new("RGB", (30, 40)).save(victim)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "digest", and_then_one_changes)
        with pytest.raises(TLError, match="png: the picture changed while the run read it"):
            train(*recipe)
    ((victim, before),) = changed.items()
    victim.write_bytes(before)
    assert same(whole, train(*recipe), rows)
