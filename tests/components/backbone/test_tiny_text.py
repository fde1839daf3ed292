from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer, models
from torch import Tensor, nn

from tests.built import sealed
from tests.components.data.listed import option as data_option
from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.backbone.tiny_text import TOKENIZER, Layer, TinyText, sinusoids
from tl.components.preprocess import TextPreprocess
from tl.components.preprocess_file import to_json
from tl.errors import TLError
from tl.recipe.weights import Weights

from .samples import option

MIB = 1 << 20


def packed(backbone: Backbone, texts: Sequence[str], width: int | None = None) -> Inputs:
    """Texts as one batch, padded with zeros to the longest or to `width`."""
    assert backbone.preprocess.modality == "text"
    ids = [backbone.preprocess.ids(text)[0] for text in texts]
    values = torch.zeros(len(ids), width or max(map(len, ids)), dtype=torch.long)
    for row, one in zip(values, ids, strict=True):
        row[: len(one)] = torch.tensor(one)
    return Inputs(values, values != 0, torch.zeros_like(values))


def features(backbone: Backbone, texts: Sequence[str], width: int | None = None) -> Tensor:
    with torch.no_grad():
        found: Tensor = backbone.eval()(packed(backbone, texts, width))
    return found


def accuracy(backbone: Backbone) -> float:
    """Of logistic regression on the names of emoji, 450 of them for training, to their nine groups."""
    source = data_option("twemoji", view="name")
    samples = random.Random(0).sample(source.read(), 1200)
    x, y = features(backbone, [str(s.input) for s in samples]).numpy(), np.array([s.target for s in samples])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(x[:450], y[:450])
    return float(probe.score(x[450:], y[450:]))


def test_default_weights_are_shipped_and_load_completely() -> None:
    report = option("tiny_text").report
    assert report.source.endswith("tl/components/backbone/shipped/tiny_text.safetensors")
    assert (report.missing, report.unexpected, report.misshaped) == ((), (), ())


def test_what_ships_is_small() -> None:
    weights = [path.stat().st_size for path in TOKENIZER.parent.glob("*.safetensors")]
    assert len(weights) == 2
    assert sum(weights) < 2 * MIB


def test_shipped_weights_tell_names_apart_better_than_random_ones() -> None:
    torch.manual_seed(0)
    untrained = accuracy(option("tiny_text", weights="none"))
    assert accuracy(option("tiny_text")) > untrained + 0.1


def test_shipped_weights_bring_paraphrases_together() -> None:
    asked, same, other = features(
        option("tiny_text"),
        ["where can I buy a new car", "I want to purchase an automobile", "the soup was cold and had no taste"],
    )
    assert torch.cosine_similarity(asked, same, 0) > torch.cosine_similarity(asked, other, 0) + 0.1


def test_padding_changes_no_feature() -> None:
    backbone = option("tiny_text")
    alone = features(backbone, ["a short text"])
    wide = features(backbone, ["a short text", "a much longer text that goes on for quite a while"], width=40)
    torch.testing.assert_close(alone[0], wide[0], rtol=1e-4, atol=1e-5)


def test_a_layer_is_the_one_of_torch() -> None:
    torch.manual_seed(0)
    ours = Layer().eval()
    theirs = nn.TransformerEncoderLayer(128, 4, 512, activation="gelu", batch_first=True, norm_first=True).eval()
    state = {name: value.clone() for name, value in ours.state_dict().items()}
    names = {
        "query_key_value.weight": "self_attn.in_proj_weight",
        "query_key_value.bias": "self_attn.in_proj_bias",
        **{f"{a}.{part}": f"{b}.{part}" for a, b in TORCH_NAMES.items() for part in ("weight", "bias")},
    }
    theirs.load_state_dict({names[name]: value for name, value in state.items()})
    x, mask = torch.randn(2, 5, 128), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    expected = theirs(x, src_key_padding_mask=mask == 0)
    torch.testing.assert_close(ours(x, mask)[mask == 1], expected[mask == 1], rtol=1e-4, atol=1e-5)


TORCH_NAMES = {
    "attention_norm": "norm1",
    "norm": "norm2",
    "out": "self_attn.out_proj",
    "wide": "linear1",
    "narrow": "linear2",
}


def test_positions_are_waves() -> None:
    waves = sinusoids(8, torch.device("cpu"))
    assert waves.shape == (8, 128)
    assert waves[5, 0].item() == pytest.approx(np.sin(5))
    assert waves[5, 1].item() == pytest.approx(np.cos(5))
    assert waves[7, 126].item() == pytest.approx(np.sin(7 / 10000 ** (126 / 128)))


def test_the_vocabulary_spells_english_and_marks_pairs() -> None:
    preprocess = option("tiny_text", max_length=16).preprocess
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    ids, segments = preprocess.ids(("Does it rain?", "No."))
    words = [tokenizer.id_to_token(i) for i in ids]
    assert words[0] == "[CLS]"
    assert words.count("[SEP]") == 2
    assert segments == [0] * (words.index("[SEP]") + 1) + [1] * (len(ids) - words.index("[SEP]") - 1)
    assert preprocess.ids("QUICK") == preprocess.ids("quick")
    assert tokenizer.token_to_id("[UNK]") not in preprocess.ids("a zyzzyva's 3 quirks, & more!")[0]
    assert len(preprocess.ids("word " * 50)[0]) == 16
    assert tokenizer.token_to_id("[PAD]") == preprocess.pad_id == 0


def test_a_run_gives_its_weights_and_its_vocabulary(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "a": 2}, unk_token="[UNK]")).to_str()
    trained = TinyText(weights=Weights("none"), max_length=64)
    state = {f"backbone.{name}": value for name, value in trained.state_dict().items()}
    state["backbone.net.embedding.token.weight"] = torch.randn(3, 64)
    save_file(state, tmp_path / "model.safetensors")
    sealed(tmp_path)
    (tmp_path / "preprocess.json").write_text(to_json(TextPreprocess(words, 30, 0)))
    found = TinyText(weights=Weights.parse(str(tmp_path)), max_length=20)
    assert found.preprocess == TextPreprocess(words, 20, 0)
    for name, value in found.state_dict().items():
        assert torch.equal(state[f"backbone.{name}"], value)


def test_mistakes_are_named() -> None:
    with pytest.raises(TLError, match=r"^backbone\.weights=hub:some/model holds no tiny_text: write none, package:"):
        option("tiny_text", weights="hub:some/model")
