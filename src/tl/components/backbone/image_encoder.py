"""An image encoder of the Transformers library: ViT (Dosovitskiy et al. 2021), DINOv2 (Oquab et al. 2023) and kin."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, cast, final

from torch import Tensor

from tl.batch import Inputs
from tl.components.backbone.chain import at_image_size, square
from tl.components.backbone.encoder import Encoder
from tl.components.backbone.loading import run_preprocess
from tl.components.backbone.pretrained import ModelFolder
from tl.components.preprocess import ImagePreprocess
from tl.errors import TLError
from tl.recipe.weights import Weights
from tl.space import Form

_FILE = "preprocessor_config.json"
_FILTERS: dict[int, Literal["bilinear", "bicubic"]] = {2: "bilinear", 3: "bicubic"}


@final
class ImageEncoder(Encoder):
    """Pixels (B, 3, size, size) to features (B, hidden size): the class token or the mean over patches."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    CHAINS: ClassVar[tuple[str, ...]] = ("deit", "dinov2", "dinov2_with_registers", "dinov3_vit", "vit")

    def __init__(
        self,
        *,
        weights: Weights,
        config: str,
        download: bool,
        size: Annotated[int, "at least 1"] | None,
        pooling: Literal["cls", "mean"],
    ) -> None:
        source = ModelFolder.find(weights, config, download)
        kind = source.facts("config.json").get("model_type", self.CHAINS[0])
        if kind not in self.CHAINS:
            raise TLError(f"{source.name} is of the type '{kind}': image_encoder takes {', '.join(self.CHAINS)}.")
        with source.explaining_errors():
            super().__init__(source, weights, self.CHAINS)
            self._set_preprocess(source, weights, size, pooling)

    def _set_preprocess(
        self, source: ModelFolder, weights: Weights, size: int | None, pooling: Literal["cls", "mean"]
    ) -> None:
        """Set the preprocessing and the number of patches, by the weights' files and the recipe's `size`."""
        if weights.kind == "run" and weights.path is not None:
            found = run_preprocess(weights.path, ImagePreprocess)
        else:
            found = preprocess(source.facts(_FILE), source.name)
        self.preprocess = at_image_size(found, size)
        self._side, self._pooling = self.preprocess.size, pooling
        facts = self._config.to_dict()
        if facts["num_channels"] != 3:
            raise TLError(f"{source.name} takes pictures of {facts['num_channels']} channels, but they are read in 3.")
        self._patch = int(facts["patch_size"])
        if self._side % self._patch:
            raise TLError(f"backbone.size={self._side}: this model takes multiples of {self._patch}.")
        self._patches = (self._side // self._patch) ** 2
        self._interpolates = "interpolate_pos_encoding" in self._accepts and self._side != facts["image_size"]

    def pool(self, x: Inputs) -> Tensor:
        return x.values[:, 0] if self._pooling == "cls" else x.values[:, -self._patches :].mean(1)

    @property
    def dims(self) -> tuple[int, ...]:
        return (self.dim,) * len(self.stages())

    @property
    def strides(self) -> tuple[int, ...]:
        return (self._patch,) * len(self.stages())

    def grid(self, values: Tensor) -> Tensor:
        """The patches' tokens, without the class token and registers before them."""
        return square(values[:, -self._patches :])

    def _arguments(self, x: Inputs, start: int) -> dict[str, Tensor | bool | None]:
        side = self._side
        pixels = x.values if start == 0 else x.values.new_zeros(1).expand(len(x.values), 3, side, side)
        return {"pixel_values": pixels, **({"interpolate_pos_encoding": True} if self._interpolates else {})}


def preprocess(facts: dict[str, Any], name: str) -> ImagePreprocess:
    """The preprocessing that an image processor's JSON describes: a resize of the short side and a centre crop.

    An image processor that squeezes whole images into a square becomes a resize and a crop too.
    """
    if not facts:
        raise TLError(f"{name} holds no {_FILE}: add it to the folder.")
    resize = _sides(facts["size"])
    size = _sides(facts["crop_size"]) if facts.get("do_center_crop") else resize
    resample = facts.get("resample", 2)
    if resample not in _FILTERS:
        raise TLError(
            f"{name}: its {_FILE} resizes with filter {resample}: only 2 (bilinear) and 3 (bicubic) are known."
        )
    normalised = facts.get("do_normalize", True)
    mean, std = (facts["image_mean"], facts["image_std"]) if normalised else ((0.0,) * 3, (1.0,) * 3)
    whole = 255 * (facts.get("rescale_factor", 1 / 255) if facts.get("do_rescale", True) else 1.0)
    moments = (tuple(float(value) / whole for value in values) for values in (mean, std))
    try:
        return ImagePreprocess(size, resize, _FILTERS[resample], *cast("Any", moments))
    except TLError as error:
        raise TLError(f"{name}: its {_FILE} prepares no picture: {error}. Copy the right file.") from error


def _sides(size: int | dict[str, int]) -> int:
    return size if isinstance(size, int) else min(size.values())
