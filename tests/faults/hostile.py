"""What a stranger might send: recipes, weights, Transformers folders, tables and run folders, each an attack.

A trap that is sprung makes the folder `sprung`; a run folder or a link that is followed changes `victim`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import yaml

SHORT = ["loop.length=4step", "loop.save_every=2step", "loop.log_every=1step", "loop.bootstrap=5", "loop.device=cpu"]
SHORT += ["loop.batch=8", "loop.device_batch=8"]
TEXT = ["data=tiny_sentences", "data.n=60", "backbone=tiny_text", *SHORT]
IMAGE = ["data=tiny_shapes", "data.n=60", "backbone=tiny_image", *SHORT]
START = "defaults: [base, {data: tiny_sentences}, {backbone: tiny_text}]\n"


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, root: Path) -> None:
        self.place = str(root / "sprung")

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.place,)


def zipped(content: Any) -> bytes:
    """As torch.save writes it."""
    made = io.BytesIO()
    torch.save(content, made)
    return made.getvalue()


def tensors(header: dict[str, Any], body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file that may lie."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def one(shape: list[int], start: int, stop: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, stop]}


WEIGHTS: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda root: pickle.dumps(Trap(root)),
    "pickle of torch": lambda root: zipped({"state_dict": Trap(root)}),
    "pickle beside tensors": lambda root: zipped({"a": torch.zeros(2), "b": Trap(root)}),
    "header longer than the file": lambda root: tensors({"a": one([4], 0, 16)}, b"\0" * 16, 1 << 62),
    "offsets behind the end": lambda root: tensors({"a": one([4], 0, 16)}),
    "offsets that overlap": lambda root: tensors({"a": one([4], 0, 16), "b": one([4], 8, 24)}, b"\0" * 24),
    "shape beyond memory": lambda root: tensors({"a": one([1 << 40, 1 << 20], 0, 16)}, b"\0" * 16),
    "shape below zero": lambda root: tensors({"a": one([-4], 0, 16)}, b"\0" * 16),
    "header that is a list": lambda root: tensors([], b""),  # type: ignore[arg-type]
    "nothing": lambda root: b"",
}


def recipes(root: Path) -> dict[str, str]:
    """Recipe texts; `root` is the stranger's folder."""
    far = root.parent / "victim"
    names = "abcdefghij"
    laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise(names))
    chain = "".join(f", k{i + 1}: '{f'${{data.k{i}}}' * 10}'" for i in range(15))
    return {
        "environment": f"{START}name: '${{oc.env:SECRET}}'\n",
        "environment in a path": f"{START}cache: {{folder: '/tmp/${{oc.env:SECRET}}'}}\n",
        "decoded": f"{START}seed: '${{oc.decode:1}}'\n",
        "resolver of hydra": f"{START}name: '${{hydra:runtime.cwd}}'\n",
        "target": f"{START}head: {{_target_: os.system, command: touch sprung}}\n",
        "hydra's search path": f"hydra: {{searchpath: ['file://{root}', 'pkg://trap']}}\n{START}",
        "package directive": f"# @package _global_\n{START}override: {{hydra/launcher: joblib}}\n",
        "defaults that climb": "defaults: [base, {data: ../../strange/trap}, {../data: tiny_shapes}]\n",
        "defaults that are absolute": f"defaults: [base, {{data: {root}/trap}}]\n",
        "defaults of a package": "defaults: ['pkg://trap/x', {head: trap.spring}]\n",
        "defaults with a NUL": 'defaults: ["a\\0b"]\n',
        "defaults far too long": f"defaults: [{'a' * 5000}]\n",
        "object": f"{START}name: !!python/object/apply:os.mkdir ['{root}/sprung']\n",
        "module": f"{START}name: !!python/module:trap\n",
        "laughs": START + laughs,
        "laughs in references": f"{START}data: {{k0: {'x' * 50}{chain}}}\n",
        "alias in itself": f"{START}a: &a [*a]\n",
        "nested in brackets": "[" * 20000,
        "nested in lines": "".join(" " * depth + "a:\n" for depth in range(1500)),
        "number of many digits": f"{START}seed: {'9' * 5000}\n",
        "number beyond 64 bits": f"{START}seed: {'9' * 40}\n",
        "duration beyond all": f"{START}loop: {{length: {'9' * 400}ep}}\n",
        "name that climbs": f"{START}name: ../../victim/x\n",
        "name that is absolute": f"{START}name: {far}/x\n",
        "name with a NUL": f'{START}name: "a\\0b"\n',
        "name far too long": f"{START}name: {'x' * 5000}\n",
        "half a character": f'{START}name: "\\ud800"\n',
        "format in texts": f"{START}name: '{{0.__class__.__mro__}}%s%n'\nloop: {{best: '{{x.__globals__}}'}}\n",
        "path with a NUL": 'defaults: [base]\ndata: {root: "a\\0b"}\n',
        "path far too long": f"defaults: [base]\ndata: {{root: {'x' * 5000}}}\n",
        "home of no one": "defaults: [base]\ndata: {root: ~nobody-at-all/x}\n",
        "weights far too long": f"{START}backbone: {{weights: {'x' * 5000}}}\n",
        "weights of a package's code": f"{START}backbone: {{weights: 'package:os/../../../etc/passwd'}}\n",
        "control characters": f'{START}"\\e]0;owned\\a\\e[2J": "\\e[31m"\n',
    }


def odd_files(root: Path) -> dict[str, Path]:
    """Recipes that are no files of text."""
    made = {name: root / f"{name}.yaml" for name in ("pipe", "folder", "circle", "bytes", "long", "gone")}
    os.mkfifo(made["pipe"])
    made["folder"].mkdir()
    made["circle"].symlink_to(made["circle"])
    made["bytes"].write_bytes(bytes(range(256)) * 20)
    made["long"].write_bytes(b"#" * (2 << 20))
    made["gone"].symlink_to(root / "nowhere")
    return made


def bert(at: Path) -> Path:
    """A Transformers folder with a tiny model."""
    from tests.components.backbone.samples import folder

    return folder("bert", at)


def _facts(**facts: Any) -> Callable[[Path, Path], None]:
    def change(folder: Path, root: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **facts}))

    return change


def _code(kind: str) -> Callable[[Path, Path], None]:
    """Python beside the weights, which config.json asks for."""

    def change(folder: Path, root: Path) -> None:
        code = f"import os\nos.mkdir({str(root / 'sprung')!r})\nclass Evil: pass\n"
        for name in ("modeling_evil", "tokenization_evil", "configuration_evil"):
            (folder / f"{name}.py").write_text(code)
        auto = {"AutoConfig": "configuration_evil.Evil", "AutoModel": "modeling_evil.Evil"}
        _facts(model_type=kind, auto_map=auto, trust_remote_code=True)(folder, root)
        tokenizer = {"auto_map": {"AutoTokenizer": ["tokenization_evil.Evil", None]}, "tokenizer_class": "Evil"}
        (folder / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "trust_remote_code": True}))

    return change


def _tokenizer_of_its_own(folder: Path, root: Path) -> None:
    _code("bert")(folder, root)
    (folder / "tokenizer.json").unlink()


def _pickled_weights(folder: Path, root: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(zipped({"embeddings.word_embeddings.weight": Trap(root)}))


def _put(name: str, text: str | bytes) -> Callable[[Path, Path], None]:
    def change(folder: Path, root: Path) -> None:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


FOLDERS: dict[str, Callable[[Path, Path], None]] = {
    "code for a type of its own": _code("evil"),
    "code for a known type": _code("bert"),
    "code for the tokenizer": _tokenizer_of_its_own,
    "pickled weights": _pickled_weights,
    "adapter of elsewhere": _put("adapter_config.json", json.dumps({"base_model_name_or_path": "evil/evil"})),
    "kernel of elsewhere": _facts(_attn_implementation="evil/kernel", attn_implementation="evil/kernel"),
    "quantised by a package": _facts(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "a billion layers": _facts(num_hidden_layers=10**9),
    "layers that are a word": _facts(num_hidden_layers="many"),
    "size that is a list": _facts(hidden_size=[1]),
    "no heads": _facts(num_attention_heads=0),
    "no type": _facts(model_type=None),
    "broken tokenizer": _put("tokenizer.json", '{"version": "1.0", "model": {"type": "Evil"}}'),
    "tokenizer that is no JSON": _put("tokenizer.json", b"\xff\xfe"),
    "config that is no JSON": _put("config.json", "{"),
    "config that is a list": _put("config.json", "[1]"),
    "config nested for ever": _put("config.json", "[" * 100_000),
    "lying tensors": _put("model.safetensors", tensors({"a": one([1 << 40], 0, 16)}, b"", 1 << 60)),
}


def tables(root: Path) -> dict[str, Path]:
    """Archives, and tables that unpack to far more than they are."""
    made = {name: root / name for name in ("bomb.csv.gz", "line.csv.gz", "cut.csv.gz", "x.zip", "x.tar", "x.csv.zip")}
    made["bomb.csv.gz"].write_bytes(gzip.compress(b"text,label\n" + b"a,b\n" * (40 << 20), 9))
    made["line.csv.gz"].write_bytes(gzip.compress(b"x" * (160 << 20), 9))
    made["cut.csv.gz"].write_bytes(gzip.compress(b"text,label\n" + b"a,b\n" * 1000)[:40])
    with zipfile.ZipFile(made["x.zip"], "w") as archive:
        archive.writestr("../victim/x.csv", "text,label\n")
    made["x.csv.zip"].write_bytes(made["x.zip"].read_bytes())
    with tarfile.open(made["x.tar"], "w") as archive:
        member = tarfile.TarInfo("/victim/x.csv")
        archive.addfile(member, io.BytesIO())
    return made


def _changed(name: str, **facts: Any) -> Callable[[Path, Path], None]:
    """A JSON file of a run with other values; `...` takes a key out."""

    def change(run: Path, root: Path) -> None:
        known = {**json.loads((run / name).read_text()), **facts}
        (run / name).write_text(json.dumps({key: value for key, value in known.items() if value is not ...}))

    return change


def _recipe(change: Callable[[dict[str, Any], Path], None]) -> Callable[[Path, Path], None]:
    def edit(run: Path, root: Path) -> None:
        found = yaml.safe_load((run / "recipe.yaml").read_text())
        change(found, root)
        (run / "recipe.yaml").write_text(yaml.safe_dump(found))

    return edit


def _weights(name: str, file: str = "model.safetensors") -> Callable[[Path, Path], None]:
    return lambda run, root: (run / file).write_bytes(WEIGHTS[name](root)) and None


def _link(name: str, to: str) -> Callable[[Path, Path], None]:
    def change(run: Path, root: Path) -> None:
        place = run / name
        if place.is_dir():
            place.rename(run / f"{name}.old")
        else:
            place.unlink(missing_ok=True)
        place.symlink_to(root.parent / "victim" / to)

    return change


def _pipe(run: Path, root: Path) -> None:
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")


def newest(run: Path) -> Path:
    return max((run / "checkpoints").glob("[0-9]*"), key=lambda place: int(place.name))


def _checkpoint(content: Callable[[Path], bytes]) -> Callable[[Path, Path], None]:
    """Checkpoints of other states, whose manifest is in order."""

    def change(run: Path, root: Path) -> None:
        for place in (run / "checkpoints").glob("[0-9]*"):
            facts = json.loads((place / "manifest").read_bytes().partition(b"\n")[2])
            for name in facts["files"]:
                (place / name).unlink()  # two checkpoints may share it
                (place / name).write_bytes(content(root))
                facts["files"][name] = hashlib.blake2b(content(root), digest_size=32).hexdigest()
            body = json.dumps(facts).encode()
            digest = hashlib.blake2b(body, digest_size=32).hexdigest().encode()
            (place / "manifest").write_bytes(digest + b"\n" + body)

    return change


def _manifest(run: Path, root: Path) -> None:
    for place in (run / "checkpoints").glob("[0-9]*"):
        body = json.dumps({"step": "../..", "files": [["../../../victim/file", 3]]}).encode()
        digest = hashlib.blake2b(body, digest_size=32).hexdigest().encode()
        (place / "manifest").write_bytes(digest + b"\n" + body)


@_recipe
def _teacher(found: dict[str, Any], root: Path) -> None:
    found["defaults"].append({"method": "distill"})
    found["method"] = {"teacher": str(root / "trap.pt"), "temperature": 2.0, "alpha": 0.5}


def _set(group: str, **values: Any) -> Callable[[Path, Path], None]:
    return _recipe(lambda found, root: found.setdefault(group, {}).update(values))


MARKUP = "<script>alert(1)</script>[red]\x1b]0;owned\x07\x1b[2J[/nope]"
RUNS: dict[str, Callable[[Path, Path], None]] = {
    "model that is a pickle": _weights("pickle"),
    "model that is a pickle of torch": _weights("pickle of torch"),
    "model that lies": _weights("shape beyond memory"),
    "model of other names": lambda run, root: (run / "model.safetensors").write_bytes(
        tensors({"a": one([4], 0, 16)}, b"\0" * 16)
    ) and None,
    "checkpoints that are pickles": _checkpoint(lambda root: zipped({"model": Trap(root)})),
    "checkpoints of other states": _checkpoint(lambda root: zipped({"model": {}, "cursor": [1]})),
    "checkpoints that are no states": _checkpoint(lambda root: b"PK"),
    "manifest made up": _manifest,
    "recipe with a tag": _put("recipe.yaml", "name: !!python/object/apply:os.mkdir [/sprung]\n"),
    "recipe with a resolver": _put("recipe.yaml", f"{START}name: '${{oc.env:SECRET}}'\n"),
    "recipe with a target": _set("head", _target_="os.system"),
    "recipe with a trap for weights": _recipe(lambda found, root: found["backbone"].update(weights=f"{root}/trap.pt")),
    "recipe with a teacher": _teacher,
    "recipe of another model": _set("backbone", width=8),
    "recipe that caches in the victim": _recipe(
        lambda found, root: found["cache"].update(folder=str(root.parent / "victim"), max_gb=1e-4, use="always")
    ),
    "recipe that names the victim": _recipe(lambda found, root: found.update(name="../../victim")),
    "meta that is a list": _put("meta.json", "[]"),
    "meta nested for ever": _put("meta.json", "[" * 100_000),
    "meta that lacks most": _put("meta.json", '{"status": "stopped"}'),
    "meta of markup": _changed("meta.json", device=MARKUP, git=MARKUP, platform=MARKUP, versions={MARKUP: MARKUP}),
    "meta of wrong types": _changed("meta.json", seconds="x", data=[], best=3, preprocess="y"),
    "meta of huge numbers": _changed("meta.json", seconds=10**400, device_batch=10**30),
    "meta that climbs": _changed("meta.json", status="../../victim"),
    "meta of other data": _changed("meta.json", data={"fingerprint": "../..", "splits": {}}),
    "meta without a best": _changed("meta.json", best=...),
    "space of wrong types": _changed("space.json", names=[1, None], temperature="hot"),
    "space of fewer classes": _changed("space.json", names=["a"]),
    "space that is huge": _changed("space.json", names=[str(i) for i in range(100_000)]),
    "space of a temperature below zero": _changed("space.json", temperature=-1.0),
    "space of markup": lambda run, root: _changed(
        "space.json", names=[f"{MARKUP}{i}" for i in range(len(json.loads((run / "space.json").read_text())["names"]))]
    )(run, root),
    "preprocessing of wrong types": _changed("preprocess.json", max_length="x", tokenizer=3),
    "preprocessing that is another": _changed("preprocess.json", pad_id=3),
    "preprocessing with a broken tokenizer": _changed("preprocess.json", tokenizer="{"),
    "rows that are none": _put("metrics.jsonl", "[1]\n{\n"),
    "evaluation that is none": _put("evaluation/test.json", '{"metrics": {"[/red]": 3}}'),
    "a bad step that is none": _put("bad_step.json", '{"step": "x"}'),
    "a pipe": _pipe,
    "rows linked to the victim": _link("metrics.jsonl", "file"),
    "lock linked to the victim": _link(".lock", "file"),
    "log linked to the victim": _link("log.txt", "file"),
    "checkpoints linked to the victim": _link("checkpoints", ""),
    "evaluation linked to the victim": _link("evaluation", ""),
    "report linked to the victim": _link("report.html", "file"),
}  # fmt: skip
