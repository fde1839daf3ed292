"""Pairs of texts that are embedded apart, in the one trainer."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.nn.functional import cosine_similarity

from tests.conftest import SHORT
from tests.training.test_tokens import gradient
from tests.training.test_trainer import Resumed, Rows, Train, equal, losses
from tests.user_data import alike, bert, shapes
from tl.commands.answer import RunModel
from tl.commands.answer_file import AnswerFile
from tl.commands.assemble import assemble
from tl.commands.doubts import recipe_doubts
from tl.commands.extract_features import extract_features, save
from tl.commands.given import Input, read_given
from tl.commands.open_run import open_run
from tl.commands.predict import predict, predict_to
from tl.commands.prepare import prepare
from tl.components.data.base import data_fingerprint
from tl.components.data.contents import facts_of_files
from tl.components.sample import Sample, Together, halves_of
from tl.errors import Mistakes, TLError
from tl.inputs.pairs import PairItems, items_of
from tl.inputs.streams import Draw, EachOnce
from tl.place import Share
from tl.recipe.recipe import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("alike")
    alike(made)
    bert(made / "bert")
    return made


@pytest.fixture(scope="module")
def pairs(folder: Path) -> list[str]:
    """A recipe for 60 pairs of texts of uneven length with a score each."""
    columns = ["data.text=sentence1", "data.pair=sentence2", "data.numbers=[score]"]
    recipe = ["data=table", f"data.file={folder / 'alike.csv'}", *columns, "task=similarity", "head=embedding"]
    return [*recipe, "backbone=tiny_text", "loop.batch=16", "loop.device_batch=16", "optimizer.lr=0.005"]


def test_the_zero_shot_figure_is_scipys_on_embeddings_by_hand(folder: Path, pairs: list[str], train: Train) -> None:
    from tokenizers import Tokenizer
    from transformers import BertModel

    run = train(*pairs, *SHORT, "backbone=text_encoder", f"backbone.weights={folder / 'bert'}", "freeze=linear_probe")
    model = BertModel.from_pretrained(folder / "bert", add_pooling_layer=False, local_files_only=True).eval()
    tokenizer = Tokenizer.from_file(str(folder / "bert" / "tokenizer.json"))

    def embed(text: str) -> torch.Tensor:
        with torch.no_grad():
            hidden: torch.Tensor = model(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        return hidden.mean(0)

    with (folder / "alike.csv").open() as file:
        rows = {str(i): row for i, row in enumerate(csv.DictReader(file), 2)}
    meta = json.loads((run / "meta.json").read_text())
    for split in ("val", "test"):
        with (run / "predictions" / f"{split}.csv").open() as file:
            ids = [row["id"] for row in csv.DictReader(file)]
        texts = [rows[name.rpartition(":")[2]] for name in ids]
        said = [float(cosine_similarity(embed(r["sentence1"]), embed(r["sentence2"]), 0)) for r in texts]
        wanted = spearmanr(said, [float(row["score"]) for row in texts]).statistic
        assert meta["zero_shot"][split]["spearman"]["value"] == pytest.approx(wanted)
    log, page = (run / "log.txt").read_text(), (run / "report.html").read_text()
    assert "Before training (zero-shot): spearman " in log
    assert "Before training (zero-shot) it was " in meta["verdict"]
    assert "test, zero-shot" in page


@pytest.fixture(scope="module")
def together(folder: Path) -> list[str]:
    """A recipe for 60 pairs of texts that belong together, of ten second texts."""
    recipe = ["data=table", f"data.file={folder / 'together.csv'}", "data.text=question", "data.pair=answer"]
    recipe += ["task=auto", "head=embedding", "backbone=tiny_text", "loop.batch=16", "loop.device_batch=16"]
    return [*recipe, "optimizer.lr=0.003"]


def test_pairs_without_a_score_are_learnt_and_judged_by_a_search(together: list[str], train: Train) -> None:
    run = train(*together, "loop.length=8ep", "freeze=full", "loop.device_batch=auto")
    with (run / "predictions" / "test.csv").open() as file:
        rows = [*csv.DictReader(file)]
    found = json.loads((run / "evaluation" / "test.json").read_text())["metrics"]
    hits = [float(row["rank"]) == 1 for row in rows]
    assert found["recall_at_1"]["value"] == pytest.approx(sum(hits) / len(hits))
    meta = json.loads((run / "meta.json").read_text())
    assert meta["zero_shot"]["test"]["recall_at_1"]["value"] < found["recall_at_1"]["value"]
    assert "ind what belongs together" in meta["verdict"]
    assert "Each first half looked for its second half among all 9 of the split" in (run / "report.html").read_text()


def test_a_run_of_pairs_embeds_single_texts(together: list[str], train: Train, tmp_path: Path) -> None:
    """An answer is the direction of the features; the cosine of two is what the run says of the pair."""
    run = train(*together, *SHORT, "freeze=full")
    model = RunModel(run)
    one, two = (np.array(found["predicted"]) for found in model(["cat river", "music bread stone"]))
    (pair,) = model(["cat river\tmusic bread stone"])
    assert float(one @ one) == pytest.approx(1.0)
    assert pair["scores"]["cosine"] == pytest.approx(float(one @ two), abs=1e-5)
    with pytest.raises(TLError, match="Give pairs of texts or single texts, not both: 'cat' has no tab"):
        model(["cat", "cat\tmusic"])
    table = tmp_path / "more.csv"
    table.write_text("question\ncat river\nmusic bread stone\n")
    for given, name in ((["data.pair=null"], "e.csv"), ([], "p.csv")):
        if not given:
            table.write_text("question,answer\ncat river,music bread stone\n")
        inputs = [Input(word, typed=True) for word in (str(table), *given)]
        opened = open_run(run)
        read = read_given(opened, inputs, print)
        predict_to(AnswerFile(tmp_path / name, overwrite=False), opened, read, 64, print)
    with (tmp_path / "e.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["id", *(f"f{i}" for i in range(len(one)))]
    assert np.array([row[1:] for row in rows], float) == pytest.approx(np.stack([one, two]), abs=1e-5)
    with (tmp_path / "p.csv").open() as file:
        ((_, said),) = [*csv.reader(file)][1:]
    assert float(said) == pytest.approx(float(one @ two), abs=1e-5)


def test_features_of_both_halves_are_extracted(pairs: list[str], together: list[str], tmp_path: Path) -> None:
    found, space = extract_features("base", pairs, print)
    assert found["train"].features.shape == (42, 2, 128)
    model = assemble(load("base", pairs)).model.eval()
    sample = assemble(load("base", pairs)).data.splits["test"][0]
    items = items_of([sample], model.task, model.backbone.preprocess)
    with torch.no_grad():
        by_hand = model.features(items.batch([*EachOnce(1)]).x)[0]
    torch.testing.assert_close(found["test"].features[0], by_hand, atol=1e-5, rtol=1e-4)
    save(found, space, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open() as file:
        header = next(csv.reader(file))
    assert header[:4] == ["id", "split", "target_score", "first_f0"]
    assert header[-1] == "second_f127"
    found, space = extract_features("base", together, print)
    save(found, space, tmp_path / "y.csv")
    with (tmp_path / "y.csv").open() as file:
        assert next(csv.reader(file))[2:4] == ["target_first", "target_second"]


def test_classes_draw_embeddings_together(train: Train) -> None:
    recipe = ["data=tiny_shapes", "data.n=160", "backbone=tiny_image", "task=contrastive", "head=embedding"]
    run = train(*recipe, "loop.batch=32", "loop.length=3ep", "freeze=top_k", "optimizer.lr=0.003")
    meta = json.loads((run / "meta.json").read_text())
    found = json.loads((run / "evaluation" / "test.json").read_text())["metrics"]
    with (run / "predictions" / "test.csv").open() as file:
        rows = [*csv.DictReader(file)]
    classes = {row["id"]: row["true"] for row in rows}
    hits = [classes[row["nearest"]] == row["true"] for row in rows]
    assert found["recall_at_1"]["value"] == pytest.approx(sum(hits) / len(hits))
    assert {*found} == {*meta["zero_shot"]["test"]} == {"knn_accuracy", "recall_at_1", "recall_at_5"}
    assert "inds others of 4 groups" in meta["verdict"]


@pytest.mark.parametrize("changes, words", [
    (["loop.device_batch=8"], "a batch of 16 is cut into 2 pieces: each sample is compared with 7 others, not 15"),
    (["loop.device_batch=16"], ""),
])  # fmt: skip
def test_a_batch_in_pieces_has_fewer_wrong_partners_and_says_so(
    together: list[str], changes: list[str], words: str
) -> None:
    lines = "\n".join(map(str, prepare(load("base", [*together, *changes])).lines()))
    assert words in lines
    assert ("is compared with" in lines) == bool(words)


def test_pieces_of_one_pair_are_refused(together: list[str]) -> None:
    with pytest.raises(TLError, match=r"loop\.device_batch: the loss compares the samples"):
        prepare(load("base", [*together, "loop.device_batch=1"]))


@pytest.mark.parametrize("device_batch, world", [(1, 1), (5, 1), (3, 2)])
def test_pieces_and_processes_have_the_gradient_of_the_whole_batch(
    pairs: list[str], device_batch: int, world: int
) -> None:
    assembly = assemble(load("base", [*pairs, "loop.bucket=false"]))
    whole, pieces = gradient(assembly, 16, 1), gradient(assembly, device_batch, world)
    assert float((pieces - whole).norm() / whole.norm()) < 1e-6


def test_an_embedding_does_not_depend_on_its_partner(pairs: list[str]) -> None:
    assembly = assemble(load("base", pairs))
    model = assembly.model.eval()

    def embedded(*texts: tuple[str, str]) -> torch.Tensor:
        samples = [Sample(str(i), pair, (1.0,), "") for i, pair in enumerate(texts)]
        items = items_of(samples, model.task, model.backbone.preprocess)
        assert isinstance(items, PairItems)
        batch = items.batch([*EachOnce(len(texts))])
        with torch.no_grad():
            return model.features(batch.x)

    alone = embedded(("the cat", "a river runs"))
    other = embedded(("the cat", "winter " * 9), ("a river runs", "the cat"))
    torch.testing.assert_close(other[0, 0], alone[0, 0])
    torch.testing.assert_close(other[1, 1], alone[0, 0])
    torch.testing.assert_close(other[1, 0], alone[0, 1])


def test_resuming_equals_never_stopping(pairs: list[str], resumed: Resumed, rows: Rows) -> None:
    whole, halted = resumed(
        *pairs, *SHORT, "freeze=linear_then_all", "freeze.probe=50%", "loop.ema=0.9", "loop.log_every=2step"
    )
    assert equal(whole, halted)
    assert rows(whole) == rows(halted)
    assert rows(whole, "val") == rows(halted, "val")
    zero_shot = [json.loads((run / "meta.json").read_text())["zero_shot"] for run in (whole, halted)]
    assert zero_shot[0] == zero_shot[1]


def test_cached_embeddings_change_nothing(pairs: list[str], train: Train, rows: Rows) -> None:
    recipe = [*pairs, *SHORT, "freeze=linear_then_all", "freeze.probe=50%"]
    cached, computed = train(*recipe, "cache.use=always"), train(*recipe, "cache.use=never")
    found, wanted = losses(rows(cached)), losses(rows(computed))
    assert found == pytest.approx(wanted, rel=1e-4)  # a text that alone has its padded length is rounded otherwise


@pytest.mark.parametrize(
    "override, message",
    [
        ("head=linear", r"head 'linear' answers for one vector a sample, but task 'similarity' reads pairs of texts or "
         r"pictures: take head=embedding\."),
        ("method=dann", r"method 'dann' works on one vector a sample, .*: take method=finetune\."),
    ],
)  # fmt: skip
def test_options_that_do_not_read_pairs_are_refused(pairs: list[str], override: str, message: str) -> None:
    with pytest.raises(Mistakes, match=message) as error:
        assemble(load("base", [*pairs, override]))
    assert [mistake.code for mistake in error.value.mistakes] == ["E069"]


def test_single_texts_are_refused(pairs: list[str]) -> None:
    with pytest.raises(TLError, match=r"no pairs: name the column of the second one in data\.pair"):
        assemble(load("base", [*pairs, "data.pair=null"]))


def test_pairs_read_as_one_text_are_told_of(pairs: list[str]) -> None:
    for task, head, codes in (("auto", "linear", ["E073"]), ("similarity", "embedding", [])):
        assembly = assemble(recipe := load("base", [*pairs, f"task={task}", f"head={head}"]))
        found = [*recipe_doubts(recipe.nodes(), recipe.loop, assembly.data)]
        assert [one.code for one in found] == codes


@pytest.fixture(scope="module")
def twins(folder: Path) -> list[str]:
    """A recipe for 48 pairs of pictures of one shape, with a score for how near their numbers are."""
    shapes(folder / "pictures")
    names = [f"pictures/{p.parent.name}/{p.name}" for p in sorted((folder / "pictures").rglob("*.png"))]
    with (folder / "twins.csv").open("w", newline="") as file:
        rows = [(name, names[i - i % 3], i % 3) for i, name in enumerate(names)]
        csv.writer(file).writerows([("one", "other", "far"), *rows])
    recipe = ["data=table", f"data.file={folder / 'twins.csv'}", "data.image=one", "data.pair=other"]
    return [*recipe, "backbone=tiny_image", "head=embedding", "loop.batch=16", "loop.device_batch=16"]


@pytest.mark.parametrize("more, metric", [(["task=similarity", "data.numbers=[far]"], "spearman"), ([], "recall_at_1")])
def test_pairs_of_pictures_are_compared_as_pairs_of_texts_are(
    twins: list[str], train: Train, folder: Path, more: list[str], metric: str
) -> None:
    run = train(*twins, *more, *SHORT, "freeze=top_k", "augment=image")
    meta = json.loads((run / "meta.json").read_text())
    assert metric in meta["zero_shot"]["test"]
    assert "image/jpeg" in (run / "report.html").read_text()
    one, other = (str(folder / "pictures" / name) for name in ("disc/0.png", "square/1.png"))
    first, second = (np.array(found["predicted"]) for found in RunModel(run)([one, other]))
    assert first.shape == second.shape == (RunModel(run).trained.model.task.width,)
    table = folder / "asked.csv"
    table.write_text("one,other\npictures/disc/0.png,pictures/square/1.png\n")
    opened = open_run(run)
    (answers,) = predict(opened, read_given(opened, [Input(str(table), typed=True)], print), 64)
    ((_, said),) = answers.rows()
    low, span = (opened.model.task.space.mean or (0.0,))[0], (opened.model.task.space.std or (1.0,))[0]
    assert said == pytest.approx(low + span * float(first @ second), abs=1e-4)


def test_halves_of_a_pair_of_pictures_are_augmented_each_in_its_own_way(twins: list[str]) -> None:
    assembly = assemble(load("base", [*twins, "augment=image"]))
    items = assembly.items("train", augmented=True)
    assert isinstance(items, PairItems)
    same = items.samples.inputs[0][0]
    pair = items_of([Sample("s", (same, same), Together(), "")], items.task, items.preprocess, items.augment)
    first, second = pair.batch([Draw(0, 7)]).x.values
    assert not torch.equal(first, second)
    assert torch.equal(pair.batch([Draw(0, 7)]).x.values[1], second)


def test_halves_of_a_pair_of_texts_are_augmented_each_in_its_own_way(pairs: list[str]) -> None:
    assembly = assemble(load("base", [*pairs, "augment=text"]))
    items = assembly.items("train", augmented=True)
    long = "soup train cat river music bread stone lamp letter winter" * 3
    same = items_of([Sample("s", (long, long), (1.0,), "")], items.task, items.preprocess, items.augment)
    first, second = same.batch([Draw(0, 7)]).x.values
    assert not torch.equal(first, second)


def test_a_picture_of_a_pair_that_changes_is_other_data(twins: list[str], folder: Path) -> None:
    samples = assemble(load("base", twins)).data.splits["train"]
    files = facts_of_files(samples)
    changed = next(half for half in halves_of(samples[0].input)[1:] if isinstance(half, Path))
    content = changed.read_bytes()
    try:
        changed.write_bytes(content + b"\0")
        assert facts_of_files(samples)["contents"] != files["contents"]
        assert data_fingerprint({"train": samples}) != data_fingerprint({"train": samples[1:]})
    finally:
        changed.write_bytes(content)


def test_other_tasks_do_not_read_pairs_of_pictures(twins: list[str]) -> None:
    with pytest.raises(TLError, match="Pairs of pictures are compared by task=similarity"):
        assemble(load("base", [*twins, "data.numbers=[far]", "head=linear"]))


def test_padding_of_pairs_counts_each_half(pairs: list[str]) -> None:
    """All rows of a piece, which are both halves of its pairs, are as long as the longest of them."""
    stream = assemble(load("base", [*pairs, "loop.bucket=false"])).streams(Share())["train"]
    real = padded = 0
    for step in range(3):  # an epoch has 42 / 16 steps
        for piece in stream.plan(step):
            mask = stream.source.batch(piece).x.mask  # type: ignore[attr-defined]
            real, padded = real + int(mask.sum()), padded + mask.numel()
    assert stream.padding() == pytest.approx(1 - real / padded)
