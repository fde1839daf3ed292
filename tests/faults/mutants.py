"""Sound inputs changed at random, with every checksum made anew after the change, and what `tl` says of them.

A change that leaves a checksum as it was tests the checksum alone. `python -m tests.faults.mutants --times 20` gives
each kind of input to its reader under the audit hook, and prints how many were taken, how many were refused in a
sentence, and what else happened: tracebacks, writes outside, sockets, look-ups, programs, code.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from .watched import Ear, Told

ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 255, 2**31, 2**63, 10**30, 0.0, -0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "\ud800", "../../victim", "x" * 3000, [], [None], [[[[]]]], {}, {"x": {}}, "float32", "int64"),
)
Mutant = Callable[[random.Random], bytes]
FORMATS = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "bmp": "BMP", "webp": "WEBP", "tif": "TIFF", "ppm": "PPM"}


def changed_json(text: str, draw: random.Random) -> str:
    """JSON with one to three values replaced, removed or doubled, at any depth."""
    found = json.loads(text)
    for _ in range(draw.randint(1, 3)):
        inside = found
        while True:
            if not isinstance(inside, (dict, list)) or not inside:
                break
            key: Any = draw.choice([*inside]) if isinstance(inside, dict) else draw.randrange(len(inside))
            if isinstance(inside[key], (dict, list)) and inside[key] and draw.random() < 0.8:
                inside = inside[key]
                continue
            match draw.randrange(4), inside:
                case 0, _:
                    del inside[key]
                case 1, list():
                    inside.extend(inside[:50])
                case _:
                    inside[key] = deepcopy(draw.choice(ODD))  # else a later change would change ODD itself
            break
    return json.dumps(found)


def changed_bytes(content: bytes, draw: random.Random) -> bytes:
    """Bytes with a few of them changed, cut out, repeated, or cut off."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8, 40))):
        at = draw.randrange(len(made)) if made else 0
        match draw.randrange(6):
            case 0:
                del made[at : at + draw.randint(1, 16)]
            case 1:
                made[at:at] = made[at : at + draw.randint(1, 64)]
            case 2 if draw.random() < 0.2:
                del made[at:]
            case _ if made:
                at = min(at, len(made) - 1)
                made[at] = draw.choice((0, 255, made[at] ^ (1 << draw.randrange(8)), draw.randrange(256)))
    return bytes(made)


def picture(kind: str, draw: random.Random) -> bytes:
    """A picture with EXIF, changed; the chunks of a PNG have right checksums, and most changes are near the start."""
    from PIL import Image

    mode = draw.choice(("RGB", "L", *(("P",) if kind in ("png", "gif", "bmp", "tif") else ())))
    facts, made = Image.Exif(), io.BytesIO()
    facts[0x0112], facts[0x010E] = draw.randint(0, 9), "words"
    if kind != "tif":
        facts[0x8825] = {1: "N", 2: (48.0, 8.0, 1.0)}
    extra = {"exif": facts} if kind in ("jpg", "png", "webp", "tif") else {}
    Image.effect_noise((24, 17), 60).convert(mode).save(made, FORMATS[kind], **extra)
    content = made.getvalue()
    if kind == "png":
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunks(content, draw))
    start = draw.choice((64, 200, len(content)))
    return changed_bytes(content[:start], draw) + content[start:]


def _chunks(content: bytes, draw: random.Random) -> Iterator[bytes]:
    """The chunks of a PNG, one of them changed, each with its checksum made anew."""
    at, parts = 8, list[tuple[bytes, bytes]]()
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        parts.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    victim = draw.randrange(len(parts))
    for number, (name, body) in enumerate(parts):
        if number == victim:
            body = changed_bytes(body, draw)
            name = draw.choice((name, name, name, b"tEXt", b"zTXt", b"iCCP", b"eXIf", b"tRNS", b"acTL"))
        yield struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def rezipped(content: bytes, draw: random.Random) -> bytes:
    """An archive one of whose files is changed, written anew, so that sizes and checksums are right."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        victim = draw.choice([*old.namelist()])
        for name in old.namelist():
            new.writestr(name, changed_bytes(old.read(name), draw) if name == victim else old.read(name))
    return made.getvalue()


def tensors(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file whose header is changed, and its length with it."""
    (size,) = struct.unpack("<Q", content[:8])
    header = changed_json(content[8 : 8 + size].decode(), draw).encode()
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


class Inputs:
    """Makes the mutants of each kind below a folder, and gives each to what reads it."""

    def __init__(self, root: Path) -> None:
        self.root, self.sound = root, root / "sound"
        self.sound.mkdir(parents=True)
        self._make()

    def _make(self) -> None:
        import datasets
        import pyarrow
        import torch
        from pyarrow import parquet
        from safetensors.torch import save_file

        from tests.components.backbone.samples import folder
        from tests.user_data import boxes, masks, names
        from tl.components.backbone.tiny_text import TinyTextNet

        rows = {"text": [f"words {i}" for i in range(40)], "label": ["a", "b"] * 20}
        parquet.write_table(pyarrow.table(rows), self.sound / "t.parquet")
        pairs = list(zip(*rows.values(), strict=True))
        (self.sound / "t.csv").write_text("text,label\n" + "".join(f'"{a}",{b}\n' for a, b in pairs))
        (self.sound / "t.jsonl").write_text("".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in pairs))
        with zipfile.ZipFile(self.sound / "t.xlsx", "w") as archive:
            for name, text in sheet(pairs).items():
                archive.writestr(name, text)
        boxes(self.sound / "boxes", 6)
        masks(self.sound / "annotated")
        names(self.sound / "annotated")
        datasets.Dataset.from_dict(rows).save_to_disk(str(self.sound / "hf"))
        state = TinyTextNet(4000).state_dict()
        save_file(state, self.sound / "w.safetensors")
        torch.save(state, self.sound / "w.pt")
        folder("bert", self.sound / "bert")

    def pictures(self, draw: random.Random) -> None:
        from tl.components.picture import open_image
        from tl.components.preprocess import ImagePreprocess
        from tl.report.thumbnail import data_uri

        kind = draw.choice([*FORMATS])
        path = self.root / f"x.{kind}"
        path.write_bytes(picture(kind, draw))
        data_uri(path.read_bytes())
        half = (0.5, 0.5, 0.5)
        made = ImagePreprocess(16, 18, "bilinear", half, half)
        made.tensor(made.crop(open_image(path, made.min_side)))

    def tables(self, draw: random.Random) -> None:
        from tests.components.data.listed import option

        suffix = draw.choice(("csv", "jsonl", "parquet", "xlsx"))
        path, content = self.root / f"x.{suffix}", (self.sound / f"t.{suffix}").read_bytes()
        path.write_bytes(rezipped(content, draw) if suffix == "xlsx" else changed_bytes(content, draw))
        option("table", file=str(path), text="text", label="label").read()

    def annotations(self, draw: random.Random) -> None:
        """Names in texts and masks of pictures, read and made into targets."""
        import numpy as np

        from tests.components.data.listed import option
        from tests.tasks import usual_task
        from tl.components.sample import Samples

        source, changed = draw.choice(("conll", "spans_jsonl", "mask_folder")), self.root / "annotated"
        shutil.rmtree(changed, ignore_errors=True)
        shutil.copytree(self.sound / "annotated", changed)
        name = {"conll": "names.conll", "spans_jsonl": "names.jsonl", "mask_folder": "masks/0.png"}[source]
        content = (changed / name).read_bytes()
        if source == "spans_jsonl" and draw.random() < 0.5:
            lines = content.decode().splitlines()
            lines[0] = changed_json(lines[0], draw)
            content = "\n".join(lines).encode()
        else:
            png = source == "mask_folder"
            content = b"\x89PNG\r\n\x1a\n" + b"".join(_chunks(content, draw)) if png else changed_bytes(content, draw)
        (changed / name).write_bytes(content)
        given = {"root": str(changed)} if source == "mask_folder" else {"file": str(changed / name)}
        samples = Samples.of(option(source, **given).read())
        task = usual_task("mask" if source == "mask_folder" else "spans")
        names = sorted({name for sample in samples for name in getattr(sample.target, "names", ())})
        task.fit(tuple(names), samples, {"balance": "none"})
        offsets = [[(i, i + 1) for i in range(len(str(text)))] for text in samples.inputs]
        assert np.asarray(task.targets(samples, offsets).values).dtype == np.int64

    def boxes(self, draw: random.Random) -> None:
        """Boxes in pictures, in the XML of VOC or the JSON of COCO, read and laid over their pictures."""
        from tests.components.data.listed import option
        from tests.tasks import usual_task
        from tl.components.overlay import cropped
        from tl.components.preprocess import ImagePreprocess
        from tl.components.sample import Samples

        source, changed = draw.choice(("voc", "coco")), self.root / "boxes"
        shutil.rmtree(changed, ignore_errors=True)
        shutil.copytree(self.sound / "boxes", changed)
        file = changed / (f"Annotations/{draw.randrange(1, 6)}.xml" if source == "voc" else "coco.json")
        content = file.read_bytes()
        plain = source == "voc" or draw.random() < 0.3
        file.write_bytes(changed_bytes(content, draw) if plain else changed_json(content.decode(), draw).encode())
        given = {"root": changed} if source == "voc" else {"images": changed / "JPEGImages", "file": file}
        samples = Samples.of(option(source, **{key: str(path) for key, path in given.items()}).read())
        task = usual_task("boxes")
        names = sorted({name for sample in samples for name in getattr(sample.target, "names", ())})
        task.fit(tuple(names), samples, {"balance": "none"})
        preprocess = task.prepared(ImagePreprocess(32, 32, "bilinear", (0.5,) * 3, (0.5,) * 3))
        for sample in samples:
            target = task.placed(sample, cropped(task.overlay(sample), preprocess))
            assert target.shape == (task.count(sample), 5)
            assert target.isfinite().all()

    def tokenizers(self, draw: random.Random) -> None:
        from tl.components.backbone.tiny_text import shipped
        from tl.components.preprocess import TextPreprocess

        text = shipped().tokenizer
        facts = json.loads(text)
        short = {**facts, "model": {**facts["model"], "vocab": {}}}  # the vocabulary would be all that is changed
        changed = json.loads(changed_json(json.dumps(short), draw))
        if isinstance(changed.get("model"), dict) and changed["model"].get("vocab") == {}:
            changed["model"]["vocab"] = facts["model"]["vocab"]
        made = TextPreprocess(json.dumps(changed), 64, 0)
        made.check_embeddings(4000)
        made.all_ids(["Some words of a text.", "\u2603 " * 90, ("a", "pair"), ""])

    def weights(self, draw: random.Random) -> None:
        from tl.components.backbone.loading import load, read_weights
        from tl.components.backbone.tiny_text import TinyTextNet
        from tl.recipe.weights import Weights

        suffix = draw.choice(("safetensors", "pt"))
        path, content = self.root / f"x.{suffix}", (self.sound / f"w.{suffix}").read_bytes()
        path.write_bytes(tensors(content, draw) if suffix == "safetensors" else rezipped(content, draw))
        load(TinyTextNet(4000), read_weights(Weights("file", path)), "there")

    def saved_data_sets(self, draw: random.Random) -> None:
        from tests.components.data.listed import option

        place = self._copy("hf", draw)
        victim = draw.choice([*place.iterdir()])
        text = victim.suffix == ".json"
        content = victim.read_bytes()
        victim.write_bytes(changed_json(content.decode(), draw).encode() if text else changed_bytes(content, draw))
        option("huggingface", root=str(place), text="text", label="label").read()

    def transformers_folders(self, draw: random.Random) -> None:
        import torch

        from tests.built import option
        from tl.batch import Inputs as Batch

        place = self._copy("bert", draw)
        victim = draw.choice([*place.glob("*.json"), place / "model.safetensors"])
        content = victim.read_bytes()
        victim.write_bytes(
            tensors(content, draw) if victim.suffix == ".safetensors" else changed_json(content.decode(), draw).encode()
        )
        made = option("backbone", "text_encoder", weights=str(place))
        ids = torch.tensor([made.preprocess.ids("some words")[0]])
        if ids.numel():
            made(Batch(ids, torch.ones_like(ids), torch.zeros_like(ids)))

    def run_folders(self, draw: random.Random) -> None:
        from tl.cli.app import run_command
        from tl.errors import TLError

        place = self._copy("run", draw)
        name = draw.choice(("space.json", "preprocess.json", "meta.json", "recipe.yaml", "model.safetensors"))
        content = (place / name).read_bytes()
        match name:
            case "model.safetensors":
                made = tensors(content, draw)
            case "recipe.yaml":
                made = changed_bytes(content, draw)
            case "preprocess.json":
                made = self._preprocessing(content.decode(), draw)
            case _:
                made = changed_json(content.decode(), draw).encode()
        (place / name).write_bytes(made)
        reseal(place)
        verb = draw.choice((["evaluate"], ["predict"], ["runs"], ["check"]))[0]
        sys.argv = ["tl", verb, str(place.parent if verb == "runs" else place), *["some words"] * (verb == "predict")]
        code, words = run_command()
        if code:
            raise TLError(words)

    @staticmethod
    def _preprocessing(text: str, draw: random.Random) -> bytes:
        facts = json.loads(text)
        if draw.random() < 0.5:
            whole = json.loads(facts["tokenizer"])
            whole["model"]["vocab"] = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "words": 4}
            return json.dumps({**facts, "tokenizer": changed_json(json.dumps(whole), draw)}).encode()
        return changed_json(text, draw).encode()

    def _copy(self, name: str, draw: random.Random) -> Path:
        place = self.root / "copies" / f"{name}{draw.randrange(10**9)}" / "1"
        shutil.copytree(self.sound / name, place)
        return place


def reseal(run: Path) -> None:
    """Make the checksums of a run anew, as its author would."""
    with Told():
        meta = json.loads((run / "meta.json").read_text())
        for name in [*meta["files"]]:
            meta["files"][name] = hashlib.blake2b((run / name).read_bytes(), digest_size=32).hexdigest()
        facts = json.dumps(json.loads((run / "preprocess.json").read_text()), sort_keys=True)
        meta["preprocess"]["fingerprint"] = hashlib.sha256(facts.encode()).hexdigest()[:16]
        (run / "meta.json").write_text(json.dumps(meta))


def sheet(rows: list[tuple[str, str]]) -> dict[str, str]:
    """The files of the smallest .xlsx with these rows."""
    main, start = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", '<?xml version="1.0"?>'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    cells = "".join(
        f'<row r="{n}">'
        + "".join(f'<c r="{c}{n}" t="inlineStr"><is><t>{t}</t></is></c>' for c, t in zip("AB", row, strict=True))
        + "</row>"
        for n, row in enumerate([("text", "label"), *rows], 1)
    )
    return {
        "xl/workbook.xml": f'{start}<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" '
        'r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{start}<Relationships xmlns="{package}"><Relationship Id="rId1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{start}<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }


# How many of each kind a round of `--times 1` has; a run folder takes a second, a picture a millisecond.
KINDS = {
    "pictures": 200, "tables": 40, "annotations": 40, "boxes": 20, "tokenizers": 20, "weights": 20,
    "saved_data_sets": 10, "transformers_folders": 5, "run_folders": 5,
}  # fmt: skip


def drill(root: Path, times: int, seed: int) -> dict[str, dict[str, Any]]:
    """For each kind how many inputs there were, were taken and refused, and each deed and traceback that came of it."""
    from tl.errors import TLError

    inputs, found = Inputs(root), dict[str, dict[str, Any]]()
    trained(inputs.sound / "run")
    ear = Ear(str(root))
    sys.addaudithook(ear)
    allowed = (os.path.realpath(root), "/dev/null", os.path.realpath(tempfile.gettempdir()) + "/torchinductor")
    for kind, number in KINDS.items():
        counts, bad = Counter[str](), list[str]()
        for one in range(number * times):
            ear.deeds = []
            with Told() as told:
                try:
                    getattr(inputs, kind)(random.Random(f"{seed} {kind} {one}"))
                    counts["taken"] += 1
                except TLError:
                    counts["refused"] += 1
            deeds = [(deed, what) for deed, what in ear.deeds if deed != "unpickled"]
            outside = [what for deed, what in deeds if deed == "wrote" and not what.startswith(allowed)]
            other = [f"{deed} {what}" for deed, what in deeds if deed != "wrote"]
            bad += [f"{one}: {what}" for what in (told.trace, *outside, *other) if what]
            counts["tracebacks"] += bool(told.trace)
            counts["writes outside"] += len(outside)
            lookups = sum(deed == "socket" and "get" in what.partition(" ")[0] for deed, what in deeds)
            counts["sockets"] += sum(deed == "socket" for deed, _ in deeds) - lookups
            counts["look-ups"] += lookups
            counts["programs, code"] += sum(deed in ("ran", "code") for deed, _ in deeds)
        found[kind] = {"inputs": number * times, **counts, "bad": bad}
        shutil.rmtree(root / "copies", ignore_errors=True)
    return found


def trained(at: Path) -> None:
    """A finished run of texts."""
    from tl.cli.app import run_command

    from .hostile import TEXT

    sys.argv = ["tl", "finetune", "base", *TEXT, f"--runs={at.parent / 'runs'}"]
    code, words = run_command()
    assert code == 0, words
    (run,) = at.parent.glob("runs/base/*")
    run.rename(at)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants") as place:
        os.environ.update(TL_CACHE=f"{place}/cache", HF_HUB_OFFLINE="1")
        found = drill(Path(place) / "root", asked.times, asked.seed)
    if asked.json:
        asked.json.write_text(json.dumps(found))
        return
    names = ("inputs", "taken", "refused", "tracebacks", "writes outside", "sockets", "look-ups", "programs, code")
    print(f"| kind | {' | '.join(names)} |")
    for kind, counts in found.items():
        print(f"| {kind.replace('_', ' ')} | {' | '.join(str(counts.get(name, 0)) for name in names)} |")
    for kind, counts in found.items():
        for one in counts["bad"][:3]:
            print(kind, one[-1500:])


if __name__ == "__main__":
    main()
