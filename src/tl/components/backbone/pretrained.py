"""Models of the Transformers library from a folder, a run or the hub's cache; a download only where it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tl.boundary.foreign import reading
from tl.components.backbone.loading import WRAPPERS, LoadReport, nothing_fits, wrapper_prefix
from tl.errors import TLError
from tl.recipe.weights import RUN_ASSETS, Weights
from tl.run.schema import read_facts

_HUB_FILES = ["config.json", "preprocessor_config.json", "sentence_bert_config.json", "special_tokens_map.json"]
_HUB_FILES += ["tokenizer*", "vocab.*", "merges.txt", "*.model"]
_HUB_FILES += ["model.safetensors", "model.safetensors.index.json", "model-*.safetensors"]
_PICKLED = ["pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"]
_HEADS = ("pooler.", "classifier.", "cls.", "lm_head.", "head.", "vocab_", "qa_outputs.", "mask_token", "decoder.")

_MOST_LAYERS = 1000


@dataclass(frozen=True)
class ModelFolder:
    """A folder with config.json and the files that belong to it; its weights are loaded where `trained` is True."""

    folder: Path
    name: str
    trained: bool

    @classmethod
    def find(cls, weights: Weights, config: str, download: bool) -> ModelFolder:
        """The folder that `weights` names; for weights=none the folder that `config` names."""
        match weights.kind, weights.path:
            case "none", _:
                shape = Weights.parse(config)
                if shape.kind == "none":
                    raise TLError("backbone.config=none: with backbone.weights=none it names the model to take after.")
                return cls(cls.find(shape, config, download).folder, config, trained=False)
            case "hub", _:
                return cls(_hub_folder(weights.hub, download), f"hub:{weights.hub}", trained=True)
            case "run", Path() as run:
                return cls(run / RUN_ASSETS, str(run), trained=False)
            case "folder", Path() as folder:
                return cls(folder, str(folder), trained=True)
        raise TLError(f"backbone.weights={weights.path} is one file: name the folder that holds its config.json too.")

    def facts(self, file: str) -> dict[str, Any]:
        """The content of a JSON file of the folder; empty where the folder lacks that file."""
        path = self.folder / file
        return read_facts(path, {}, of="folder") if path.is_file() else {}

    @contextmanager
    def explaining_errors(self) -> Iterator[None]:
        """A TLError with the reason in place of an error in the context; Python code in the folder is never run."""
        wrong = "holds no model that Transformers can build here"
        if "auto_map" in self.facts("config.json"):
            wrong += "; it brings Python code of its own (auto_map), and that is never run"
        with reading(self.name, wrong, "copy the folder again as a whole, or name a model of another type"):
            yield


def build(source: ModelFolder) -> tuple[Any, LoadReport | None]:
    """The model without a pooler, in float32, and the report on its weights; the report is None for random weights."""
    import torch
    from transformers import AutoConfig, AutoModel
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    with _quiet(), source.explaining_errors():
        config = AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        depth = getattr(config, "num_hidden_layers", 1)
        if not 1 <= depth <= _MOST_LAYERS:
            raise ValueError(f"its config.json tells of {depth} layers")
        kind = MODEL_MAPPING[type(config)]
        options = _options(kind)
        if not source.trained:
            return _without_unused(AutoModel.from_config(config, trust_remote_code=False, **options)), None
        load = partial(
            AutoModel.from_pretrained,
            source.folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
        )
        net, info = load()
        prefix = ""
        if set(net.state_dict()) <= set(info["missing_keys"]):
            prefix = wrapper_prefix(info["unexpected_keys"])
            net, info = load(key_mapping={WRAPPERS.pattern: ""}) if prefix else (net, info)
    net = _without_unused(net)
    return net, _report(net, source.name, info, prefix)


def _report(net: Any, name: str, info: dict[str, Any], prefix: str) -> LoadReport:
    own = tuple(net.state_dict())
    misshaped = {key: f"{key} {tuple(there)} for {tuple(here)}" for key, there, here in info["mismatched_keys"]}
    unexpected = sorted(info["unexpected_keys"])
    dropped = [key for key in unexpected if any(f".{head}" in f".{key}" for head in _HEADS)]
    loaded = tuple(key for key in own if key not in info["missing_keys"] and key not in misshaped)
    if not loaded:
        raise nothing_fits(name, unexpected, own)
    return LoadReport(
        source=name,
        loaded=loaded,
        missing=tuple(key for key in own if key in info["missing_keys"]),
        unexpected=tuple(key for key in unexpected if key not in dropped),
        misshaped=tuple(misshaped.values()),
        dropped=tuple(dropped),
        prefix=prefix,
    )


def _options(kind: Any) -> dict[str, Any]:
    pooler = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind.__init__).parameters else {}
    return {"attn_implementation": "sdpa" if kind._supports_sdpa else "eager", **pooler}


def _without_unused(net: Any) -> Any:
    """The model without parts that no forward pass uses: in several processes each parameter needs a gradient."""
    for module in net.modules():
        if module._parameters.get("mask_token") is not None:
            module.mask_token = None
    if net._modules.get("pooler") is not None:
        net.pooler = None
    return net


def _hub_folder(repository: str, download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    def snapshot(files: list[str]) -> Path:
        return Path(snapshot_download(repository, local_files_only=not download, allow_patterns=files))

    with _quiet():
        try:
            folder = snapshot(_HUB_FILES)
            if not any(folder.glob("model*.safetensors")):
                folder = snapshot(_HUB_FILES + _PICKLED)
        except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
            remedy = "check the connection" if download else "set backbone.download=true to fetch it"
            raise TLError(f"'hub:{repository}' is not in the Hugging Face cache on this machine: {remedy}.") from error
        except (HfHubHTTPError, HFValidationError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise TLError(f"'hub:{repository}' cannot be fetched: {reason}") from error
    return folder


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Transformers from printing tables and bars: `tl` has a report of its own (`LoadReport`)."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
