"""What every backbone keeps: it can be cut between any two stages, and frozen stages stand still."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.built import sealed
from tests.tasks import task_of
from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.model import Model
from tl.components.preprocess_file import fingerprint, to_json
from tl.recipe.registry import options
from tl.recipe.weights import RUN_ASSETS, RUN_MODEL, RUN_PREPROCESS
from tl.space import Space

from .samples import CASES, backbone_of, inputs_of

every = pytest.mark.parametrize("case", CASES)


def plainly(x: Inputs) -> Inputs:
    """As it comes back from the cache: contiguous, and no part of a graph."""
    return x._replace(values=x.values.detach().clone(memory_format=torch.contiguous_format))


def tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def copies(module: nn.Module) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors(module)]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


TASK = task_of(Space("single", ("a", "b")))


def model_of(case: str) -> Model:
    backbone = backbone_of(case)
    torch.manual_seed(3)
    return Model(backbone, nn.Identity(), nn.Linear(backbone.dim, 2), TASK)  # type: ignore[arg-type]


def step(model: Model, x: Inputs) -> None:
    """One step of gradient descent, in train mode."""
    model.train()
    torch.manual_seed(4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(x).square().sum().backward()
    optimizer.step()


def test_every_option_is_covered() -> None:
    modules = {type(backbone_of(case)).__module__ for case in CASES}
    assert modules == {option.module for option in options("backbone").values()}


@every
def test_stages_hold_each_tensor_once(case: str) -> None:
    backbone = backbone_of(case)
    held = [id(tensor) for stage in backbone.stages() for tensor in tensors(stage)]
    assert sorted(held) == sorted(map(id, tensors(backbone)))


@every
def test_stage_by_stage_is_the_whole(case: str) -> None:
    backbone = backbone_of(case)
    x = inputs_of(backbone)
    with torch.no_grad():
        whole = backbone(x)
        assert whole.shape == (3, backbone.dim)
        assert whole.isfinite().all()
        for stage in range(len(backbone.stages())):
            x = backbone.run(x, stage, stage + 1)
        assert torch.equal(backbone.pool(x), whole)


@every
def test_a_stored_activation_gives_the_same_features(case: str) -> None:
    backbone = backbone_of(case)
    x = inputs_of(backbone)
    with torch.no_grad():
        whole = backbone(x)
        for cut in range(len(backbone.stages()) + 1):
            stored = plainly(backbone.run(x, 0, cut))
            before = stored.values.clone()
            assert torch.equal(backbone(stored, cut), whole), cut
            assert torch.equal(stored.values, before), f"stage {cut} writes into what it is given"
        assert torch.equal(backbone(x), whole)


@every
def test_samples_do_not_see_each_other(case: str) -> None:
    backbone = backbone_of(case)
    x = inputs_of(backbone)
    with torch.no_grad():
        alone = torch.cat([backbone(Inputs(*(t if t is None else t[i : i + 1] for t in x))) for i in range(3)])
        torch.testing.assert_close(backbone(x), alone, rtol=1e-4, atol=1e-4)


@every
@pytest.mark.parametrize("learning", ["none", "first", "all"])
def test_frozen_parts_stand_still_and_the_others_learn(case: str, learning: str) -> None:
    model = model_of(case)
    names = list(model.parts())[:-1]
    chosen = {"none": [], "first": names[:1], "all": names}[learning]
    model.learn([*chosen, "head"])
    before = {name: copies(part) for name, part in model.parts().items()}
    step(model, inputs_of(model.backbone))
    for name, part in model.parts().items():
        if name in chosen or name == "head":
            assert all(p.grad is not None for p in part.parameters()), f"{name} has parameters that nothing uses"
            assert not same(copies(part), before[name]), name
        else:
            assert same(copies(part), before[name]), name


@every
def test_a_frozen_backbone_in_training_is_the_one_of_evaluation(case: str) -> None:
    model = model_of(case)
    x = inputs_of(model.backbone)
    model.learn(["head"])
    model.train()
    trained = model.backbone(x)
    model.eval()
    assert torch.equal(trained, model.backbone(x))


@every
def test_checkpointing_changes_no_bit(case: str) -> None:
    plain = model_of(case)
    other = deepcopy(plain)
    if not other.backbone.checkpointing():
        pytest.skip("has no gradient checkpointing")
    for model in (plain, other):
        step(model, inputs_of(model.backbone))
    assert same(tensors(plain), tensors(other))
    assert list(other.state_dict()) == list(plain.state_dict())


def write_run(backbone: Backbone, at: Path) -> Path:
    """The files of a run that a backbone can start from."""
    (at / RUN_ASSETS).mkdir(parents=True)
    state = {f"backbone.{name}": value.contiguous() for name, value in backbone.state_dict().items()}
    save_file({**state, "head.weight": torch.zeros(2)}, at / RUN_MODEL)
    (at / RUN_PREPROCESS).write_text(to_json(backbone.preprocess))
    for name, content in backbone.assets().items():
        (at / RUN_ASSETS / name).write_bytes(content)
    return sealed(at)


@every
def test_a_run_is_weights_for_the_same_backbone(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from . import samples

    backbone = backbone_of(case)
    run = write_run(backbone, tmp_path / "run")
    plain = samples.option
    monkeypatch.setattr(samples, "option", lambda of, /, **changes: plain(of, **{**changes, "weights": str(run)}))
    again = CASES[case]().eval()
    x = inputs_of(backbone)
    assert torch.equal(again(x), backbone(x))
    assert fingerprint(again.preprocess) == fingerprint(backbone.preprocess)


@every
def test_weights_that_were_read_are_the_backbones_own(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from . import samples

    run = write_run(backbone_of(case), tmp_path / "run")
    plain = samples.option
    monkeypatch.setattr(samples, "option", lambda of, /, **changes: plain(of, **{**changes, "weights": str(run)}))
    before = (run / RUN_MODEL).read_bytes()
    one, other = CASES[case](), CASES[case]()
    untouched = copies(other)
    for mine, theirs in zip(tensors(one), tensors(backbone_of(case)), strict=True):
        assert mine.device.type == "cpu"
        assert mine.is_contiguous()
        assert (mine.dtype, mine.requires_grad, type(mine)) == (theirs.dtype, theirs.requires_grad, type(theirs))
    with torch.no_grad():
        for tensor in tensors(one):
            tensor.add_(1)
    assert same(tensors(other), untouched)
    assert (run / RUN_MODEL).read_bytes() == before


@pytest.mark.parametrize("case", [case for case in CASES if "maps" in backbone_of(case).forms])
def test_every_stage_gives_a_map_with_the_strides_and_channels_that_it_says(case: str) -> None:
    """Twice the grid for half the stride, and what each stage gives of one picture in the forward pass itself."""
    backbone = backbone_of(case).train()
    dims, strides = backbone.dims, backbone.strides
    assert backbone.training, "asking leaves the mode as it is"
    assert len(dims) == len(strides) == len(backbone.stages())
    assert list(strides) == sorted(strides)
    x, side = inputs_of(backbone.eval()), backbone.preprocess.size
    places = [-(-side // stride) for stride in strides]
    with torch.no_grad():
        tapped = backbone(x, taps=range(1, backbone.depth))
        for stage, values in enumerate(tapped):
            grid = backbone.grid(values)
            assert grid.shape == (3, places[stage], places[stage], dims[stage])
            assert grid.is_contiguous()
            assert torch.equal(values, backbone.run(x, 0, stage + 1).values)
        assert torch.equal(backbone.pool(Inputs(tapped[-1])), backbone(x))


@pytest.mark.parametrize(
    "case", ["efficientnet_b0", "mobilenet_v2", "mobilenet_v3_small", "resnet18", "convnext_tiny", "vit_b_32"]
)
def test_maps_are_what_torchvisions_own_forward_pass_goes_through(case: str) -> None:
    """Each map is the output of a module that torchvision calls, and these are called in the order of the maps."""
    backbone, outputs = backbone_of(case), list[Tensor]()
    x = inputs_of(backbone)
    for module in backbone.net.modules():
        module.register_forward_hook(lambda _, __, output: outputs.append(as_map(output)))
    with torch.no_grad():
        backbone.net(x.values)
        called = iter([*outputs])
        for grid in map(backbone.grid, backbone(x, taps=range(1, backbone.depth))):
            assert any(one.shape == grid.shape and torch.allclose(one, grid, rtol=1e-4, atol=1e-5) for one in called)


def as_map(output: Any) -> Tensor:
    """A copy of a module's output (B, C, H, W), or of its tokens (B, 1 + 1, C), with the channels last."""
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        return torch.empty(0)
    return output.permute(0, 2, 3, 1).clone() if output.ndim == 4 else output[:, 1:].unsqueeze(1).clone()


def test_the_maps_of_transformers_are_their_patches_in_order() -> None:
    """Against the library's own hidden states, behind a class token and registers."""
    backbone = backbone_of("dinov2_with_registers")
    x = inputs_of(backbone)
    with torch.no_grad():
        states = backbone.net(pixel_values=x.values, output_hidden_states=True).hidden_states
        for state, values in zip(states[:-1], backbone(x, taps=range(1, backbone.depth)), strict=False):
            by_row = state[:, 5:].reshape(3, 4, 4, 16)
            torch.testing.assert_close(backbone.grid(values), by_row)


def test_the_last_map_of_convnext_averages_to_its_features() -> None:
    """Features are the layer norm of the mean over places (Liu et al. 2022), which belongs to the last stage."""
    backbone = backbone_of("convnext_tiny")
    x = inputs_of(backbone)
    with torch.no_grad():
        last = backbone.run(x, 0, 5).values
        (norm,) = backbone.net.classifier
        mean = backbone.grid(last).mean((1, 2))
        torch.testing.assert_close(
            backbone(x), torch.nn.functional.layer_norm(mean, (768,), norm.weight, norm.bias, norm.eps)
        )
