from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.built import sealed
from tl.components.backbone.loading import LoadReport, build_with_state, load, read_weights, run_preprocess
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.components.preprocess_file import to_json
from tl.errors import TLError
from tl.recipe.weights import RUN_MODEL, RUN_PREPROCESS, Weights


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


def test_everything_fits() -> None:
    source, target = net(), net()
    report = load(target, source.state_dict(), "there")
    assert report == LoadReport("there", tuple(source.state_dict()))
    assert report.lines() == ["loaded 9 of 9 tensors from there"]
    assert torch.equal(target[0].weight, source[0].weight)


class Counted(nn.Sequential):
    """A net that knows how often it was made, with a buffer that no file holds."""

    made = 0

    def __init__(self, *, hidden: bool = False) -> None:
        super().__init__(nn.Linear(2, 3), nn.BatchNorm1d(3))
        if hidden:
            self.register_buffer("table", torch.arange(4.0), persistent=False)
        Counted.made += 1


@pytest.mark.parametrize("suffix", [".pth", ".old", ".safetensors"])
def test_a_net_is_not_started_at_random_where_all_of_it_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    source = Counted()
    source[0].half()
    if suffix == ".safetensors":
        save_file(source.state_dict(), path)
    else:
        torch.save(source.state_dict(), path, _use_new_zipfile_serialization=suffix == ".pth")
    before, random = path.read_bytes(), torch.get_rng_state()
    nets = []
    for _ in range(2):
        Counted.made = 0
        net, report = build_with_state(Counted, read_weights(Weights.parse(str(path))), "there")
        assert Counted.made == 1
        assert report == LoadReport("there", tuple(source.state_dict()))
        nets.append(net)
    assert torch.equal(torch.get_rng_state(), random)
    assert nets[0][0].weight.dtype == torch.float32
    assert torch.equal(nets[0][0].weight, source[0].weight.float())
    nets[0](torch.ones(2, 2)).sum().backward()
    torch.optim.SGD(nets[0].parameters(), lr=1.0).step()
    nets[0][1].running_mean.add_(1.0)
    assert torch.equal(nets[1][0].weight, source[0].weight.float())
    assert torch.equal(nets[1][1].running_mean, source[1].running_mean)
    assert path.read_bytes() == before


@pytest.mark.parametrize("lacking", ["0.weight", "1.num_batches_tracked", "table"])
def test_what_no_file_holds_starts_as_it_would_without(lacking: str) -> None:
    hidden = lacking == "table"
    state = {name: value for name, value in Counted().state_dict().items() if name != lacking}
    torch.manual_seed(5)
    plain = Counted(hidden=hidden)
    report = load(plain, state, "there")
    torch.manual_seed(5)
    net, same = build_with_state(lambda: Counted(hidden=hidden), state, "there")
    assert same == report
    assert not any(tensor.is_meta for tensor in (*net.parameters(), *net.buffers()))
    for mine, theirs in zip((*net.parameters(), *net.buffers()), (*plain.parameters(), *plain.buffers()), strict=True):
        assert torch.equal(mine, theirs)


def test_what_does_not_fit_is_said() -> None:
    state = dict(net().state_dict())
    del state["0.bias"]
    state |= {"2.weight": torch.zeros(7, 3), "2.bias": torch.full((1,), 5.0), "stray": torch.zeros(1)}
    state |= {"fc.weight": torch.zeros(10), "fc.bias": torch.zeros(10)}
    target = net()
    before = target[2].weight.clone()
    report = load(target, state, "there", dropped=("fc.",))
    assert report.lines() == [
        "loaded 7 of 9 tensors from there",
        "missing there, so still random: 0.bias",
        "of another shape there, so still random: 2.weight (7, 3) for (1, 3)",
        "unknown here, so unused: stray",
        "left out, as it is not part of the backbone: fc.weight, fc.bias",
    ]
    assert torch.equal(target[2].weight, before)
    assert target[2].bias.item() == 5.0


def test_a_classifier_that_was_left_out_is_told_only_where_something_is_wrong() -> None:
    state = {**net().state_dict(), "fc.weight": torch.zeros(10)}
    assert load(net(), state, "there", dropped=("fc.",)).lines() == ["loaded 9 of 9 tensors from there"]


def test_long_lists_are_cut() -> None:
    report = LoadReport("there", ("a",), missing=tuple("bcdefg"))
    assert report.lines()[1] == "missing there, so still random: b, c, d, e and 2 more"


@pytest.mark.parametrize("prefix", ["module.", "model.", "backbone.", "net.", "_orig_mod.", "module.model."])
def test_a_wrappers_prefix_is_taken_off_and_said(prefix: str) -> None:
    source, target = net(), net()
    report = load(target, {f"{prefix}{name}": value for name, value in source.state_dict().items()}, "there")
    assert report.prefix == prefix
    assert report.lines() == [f"loaded 9 of 9 tensors from there, names without '{prefix}'"]
    assert torch.equal(target[2].bias, source[2].bias)


def test_a_load_of_which_nothing_fits_is_refused() -> None:
    with pytest.raises(TLError) as error:
        load(net(), {f"layer{i}.weight": torch.zeros(1) for i in range(6)}, "there")
    assert str(error.value) == (
        "Nothing in there fits the backbone: it holds layer0.weight, layer1.weight, layer2.weight, layer3.weight and "
        "2 more; the backbone wants 0.weight, 0.bias, 1.weight, 1.bias and 5 more. "
        "Choose the backbone that these weights were made for."
    )


def test_names_that_fit_with_no_shape_are_refused_too() -> None:
    with pytest.raises(TLError, match="Nothing in there fits"):
        load(net(), {name: torch.zeros(9, 9) for name in net().state_dict()}, "there")


def test_batch_norm_counters_may_be_missing_as_in_old_files() -> None:
    state = {name: value for name, value in net().state_dict().items() if "num_batches" not in name}
    assert load(net(), state, "there").missing == ()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".safetensors"])
def test_files_of_every_kind_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    state = net().state_dict()
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    found = read_weights(Weights.parse(str(path)))
    assert set(found) == set(state)
    assert torch.equal(found["0.weight"], state["0.weight"])


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "model_ema"])
def test_a_checkpoints_weights_are_found_among_the_rest(key: str, tmp_path: Path) -> None:
    torch.save({"epoch": 3, key: net().state_dict(), "optimizer": {"lr": 0.1}}, tmp_path / "checkpoint.pt")
    assert set(read_weights(Weights.parse(str(tmp_path / "checkpoint.pt")))) == set(net().state_dict())


class Wild:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


def test_a_file_with_code_in_it_is_refused_unread(tmp_path: Path) -> None:
    torch.save({"weight": Wild()}, tmp_path / "wild.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Wild(), protocol=2))
    for name in ("wild.pt", "plain.pt"):
        with pytest.raises(TLError, match=r"nothing else is ever unpickled: save 'model\.state_dict\(\)' alone"):
            read_weights(Weights.parse(str(tmp_path / name)))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_cut_short_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(net().state_dict(), path)
    else:
        torch.save(net().state_dict(), path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TLError, match="cannot be read as weights, it may be cut short"):
        read_weights(Weights.parse(str(path)))


def test_a_file_without_named_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": 0.1}, tmp_path / "odd.pt")
    with pytest.raises(TLError, match=r"holds no tensors by name, only epoch, loss: save 'model\.state_dict\(\)'"):
        read_weights(Weights.parse(str(tmp_path / "odd.pt")))


def test_a_folder_needs_safetensors(tmp_path: Path) -> None:
    with pytest.raises(TLError, match="There are no weights at"):
        read_weights(Weights.parse(str(tmp_path)))


def run_of(path: Path) -> Weights:
    state = {f"backbone.net.{name}": value for name, value in net().state_dict().items()}
    save_file({**state, "head.weight": torch.zeros(1)}, path / RUN_MODEL)
    return Weights.parse(str(sealed(path)))


def test_of_a_run_only_the_backbone_is_read(tmp_path: Path) -> None:
    assert set(read_weights(run_of(tmp_path))) == set(net().state_dict())
    assert set(read_weights(run_of(tmp_path), "backbone.")) == {f"net.{name}" for name in net().state_dict()}


def test_a_run_brings_its_preprocessing(tmp_path: Path) -> None:
    run_of(tmp_path)
    with pytest.raises(TLError, match=rf"holds no {RUN_PREPROCESS}"):
        run_preprocess(tmp_path, ImagePreprocess)
    preprocess = ImagePreprocess(8, 9, "bilinear", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    (tmp_path / RUN_PREPROCESS).write_text(to_json(preprocess))
    assert run_preprocess(tmp_path, ImagePreprocess) == preprocess
    with pytest.raises(TLError, match="takes images, this backbone texts"):
        run_preprocess(tmp_path, TextPreprocess)
