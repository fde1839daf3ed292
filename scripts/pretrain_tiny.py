"""Make the weights of tiny_image and tiny_text in src/tl/components/backbone/shipped, and measure what they are worth.

apt-get download openclipart-png wordnet-base fortunes      # of Debian 12; needs no root
for package in *.deb; do dpkg -x $package debian; done
python scripts/pretrain_tiny.py image --debian debian --to src/tl/components/backbone/shipped
python scripts/pretrain_tiny.py text --debian debian --to src/tl/components/backbone/shipped
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_sources import SIDE, clip_art, sayings, word_pieces, wordnet
from torch import Tensor, nn

from tl.batch import Inputs
from tl.commands.chosen_task import build_task
from tl.components.backbone.base import Backbone
from tl.components.preprocess import TextPreprocess
from tl.components.sample import Sample
from tl.components.task.base import Task
from tl.errors import TLError
from tl.inputs.items import Items
from tl.inputs.streams import Draw
from tl.recipe.build import build
from tl.recipe.recipe import load
from tl.space import Space

STUDENT_SIDE, MARGIN_SIDE, MOST_TOKENS = 32, 64, 48
EPOCHS, RATE, SHARPNESS = {"image": 40, "text": 5}, 3e-3, 20.0
BATCH = {"image": 128, "text": 256}
DATA = {"image": "data=tiny_shapes", "text": "data=tiny_sentences"}
TEACHERS = {
    "image": ["backbone=efficientnet_lite0", f"backbone.size={SIDE}"],
    "text": ["backbone=text_encoder", f"backbone.max_length={MOST_TOKENS}"],
}
# Overrides of a recipe, and training samples per class.
PROBES = {
    "image": [("data=twemoji", 50), ("data=tiny_shapes data.n=800", 20)],
    "text": [("data=twemoji data.view=name", 50)],
}


def pretrain_image(debian: Path, to: Path) -> None:
    """Regress EfficientNet-Lite0's features of public-domain clip art, seen at 112 pixels, from 32 pixels."""
    pictures = clip_art(debian / "usr/share/openclipart/png")
    teacher = backbone("image", TEACHERS["image"])
    known = torch.cat([embed(teacher, [Inputs(on_white(some, teacher))]) for some in pictures.split(64)])
    known = (known - known.mean(0)) / (known.std(0) + 1e-3)
    known = known @ torch.pca_lowrank(known, 256, niter=8)[2]
    known = known / known.std(0).sqrt()
    small = torch.cat(
        [
            F.interpolate(some / 255, size=(MARGIN_SIDE, MARGIN_SIDE), mode="bilinear", antialias=True)
            for some in pictures.split(64)
        ]
    )
    size = BATCH["image"]
    shuffled = [torch.randperm(len(small)).split(size) for _ in range(EPOCHS["image"])]
    batches = [some for epoch in shuffled for some in epoch if len(some) == size]
    student = backbone("image", ["backbone=tiny_image", "backbone.weights=none"])
    distil(student, known, batches, lambda some: Inputs(varied(small[some])))
    save(student, to / "tiny_image.safetensors")


def on_white(pictures: Tensor, teacher: Backbone) -> Tensor:
    """Pictures as the teacher takes them."""
    assert teacher.preprocess.modality == "image"
    mean, std = (torch.tensor(moment)[:, None, None] for moment in (teacher.preprocess.mean, teacher.preprocess.std))
    pixels = pictures / 255
    return (pixels[:, :3] + 1 - pixels[:, 3:] - mean) / std


def varied(pictures: Tensor) -> Tensor:
    """Turned, scaled, mirrored, recoloured and noisy, on a white or random ground: (B, 4, H, W) to (B, 3, 32, 32)."""
    many = len(pictures)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(many, *shape)

    turn, scale, mirror = uniform(-0.26, 0.26), uniform(0.8, 1.3), uniform(-1, 1).sign()
    across = scale * mirror * uniform(-0.15, 0.15).exp()
    rows = [
        torch.stack([turn.cos() * across, -turn.sin() * scale, uniform(-0.2, 0.2)], 1),
        torch.stack([turn.sin() * across, turn.cos() * scale, uniform(-0.2, 0.2)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [many, 4, STUDENT_SIDE, STUDENT_SIDE], align_corners=False)
    sampled = F.grid_sample(pictures, grid, align_corners=False)
    ground = torch.where(uniform(0, 1, 1, 1, 1) < 0.5, torch.ones(many, 3, 1, 1), uniform(0, 1, 3, 1, 1))
    x = sampled[:, :3] + ground * (1 - sampled[:, 3:])
    x = 0.5 + (x - 0.5) * uniform(0.7, 1.3, 1, 1, 1) + uniform(-0.15, 0.15, 1, 1, 1)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * uniform(0.5, 1.5, 1, 1, 1) + uniform(0, 0.07, 1, 1, 1) * torch.randn_like(x)
    return (x.clamp(0, 1) - 0.5) / 0.25


def pretrain_text(debian: Path, to: Path) -> None:
    """Regress all-MiniLM-L6-v2's embeddings of dictionary entries, their examples and sayings."""
    share = debian / "usr/share"
    texts = sorted(
        {*wordnet(share / "wordnet"), *sayings(share / "games/fortunes")}, key=lambda text: (len(text), text)
    )
    vocabulary = to / "tiny_text.tokenizer.json"
    word_pieces(texts).save(str(vocabulary), pretty=False)
    student = backbone("text", ["backbone=tiny_text", "backbone.weights=none"])
    student.preprocess = TextPreprocess(vocabulary.read_text(encoding="utf-8"), MOST_TOKENS, pad_id=0)
    teacher = backbone("text", TEACHERS["text"])
    known = embed(teacher, batches_of(texts, teacher))
    size = BATCH["text"]
    batches = [some for _ in range(EPOCHS["text"]) for some in alike(len(texts), size)]
    items = items_of(texts, student)
    distil(student, known, batches, lambda some: items.collate([items[Draw(int(i), 0)] for i in some]).x)
    save(student, to / "tiny_text.safetensors")


def alike(many: int, size: int) -> list[Tensor]:
    """A pass in batches of neighbours, which are of about the same length."""
    order = (torch.arange(many) + torch.rand(many) * 10 * size).argsort()
    batches = [some for some in order.split(size) if len(some) == size]
    return [batches[int(i)] for i in torch.randperm(len(batches))]


def distil(student: Backbone, known: Tensor, batches: Sequence[Tensor], take: Callable[[Tensor], Inputs]) -> None:
    """Bring a linear map of the student's features near the teacher's: by cosine, and nearer than the rest's are."""
    known = F.normalize(known, dim=1)
    project = nn.Linear(student.dim, known.shape[1])
    parameters = [*student.parameters(), *project.parameters()]
    optimizer = torch.optim.AdamW(parameters, RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=len(batches), pct_start=0.1)
    student.train()
    for step, some in enumerate(batches):
        guess = F.normalize(project(student(take(some))), dim=1)
        apart = 1 - (guess * known[some]).sum(1).mean()
        loss = apart + F.cross_entropy(SHARPNESS * guess @ known[some].T, torch.arange(len(some)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == len(batches) - 1:
            print(f"step {step + 1} of {len(batches)}: cosine {1 - apart.item():.3f}", flush=True)


def save(student: Backbone, to: Path) -> None:
    """Half precision: the weights are cast back to single when they are loaded."""
    state = student.state_dict().items()
    named = {name.removeprefix("net."): value.half() if value.is_floating_point() else value for name, value in state}
    save_file(named, to)


def backbone(kind: str, overrides: Sequence[str]) -> Backbone:
    built: Backbone = build(load("base", [DATA[kind], *overrides]).backbone)
    return built


def task_of(names: Sequence[str]) -> Task:
    task = build_task(load("base").task, "single")
    task.restore(Space("single", tuple(names)))
    return task


def items_of(texts: Sequence[str], reader: Backbone) -> Items:
    return Items([Sample(str(i), text, None, "") for i, text in enumerate(texts)], task_of(()), reader.preprocess)


def batches_of(texts: Sequence[str], reader: Backbone) -> Iterable[Inputs]:
    items = items_of(texts, reader)
    for first in range(0, len(texts), 64):
        yield items.collate([items[Draw(i, 0)] for i in range(first, min(first + 64, len(texts)))]).x


def embed(model: Backbone, batches: Iterable[Inputs]) -> Tensor:
    """Features (N, dim)."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(x) for x in batches])


def report(kind: str, to: Path, probes: Sequence[tuple[str, int]]) -> None:
    """Print the accuracy of logistic regression on features that nothing was trained on, over five draws."""
    weights = to / f"tiny_{kind}.safetensors"
    for overrides, per_class in probes:
        samples = build(load("base", overrides.split()).data).read()
        labels = np.array([sample.target for sample in samples])
        rows = {}
        for name, source in (("pretrained", str(weights)), ("random", "none")):
            model = backbone(kind, [f"backbone=tiny_{kind}", f"backbone.weights={source}"])
            if isinstance(model.preprocess, TextPreprocess):
                text = (to / "tiny_text.tokenizer.json").read_text(encoding="utf-8")
                model.preprocess = replace(model.preprocess, tokenizer=text)
            items = Items(samples, task_of(sorted(set(labels))), model.preprocess)
            ones = (items.collate([items[Draw(i, 0)]]).x for i in range(len(samples)))
            rows[name] = embed(model, ones).numpy(), make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
        if kind == "text":
            rows["tf-idf"] = (
                np.array([s.input for s in samples]),
                make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
            )
        for name, (inputs, classifier) in rows.items():
            scores = [probe(inputs, labels, per_class, seed, classifier) for seed in range(5)]
            print(f"{overrides}, {per_class} per class: {name} {statistics.mean(scores):.3f}", flush=True)


def probe(inputs: np.ndarray, labels: np.ndarray, per_class: int, seed: int, classifier) -> float:
    """Accuracy on all samples that are not among the `per_class` drawn from each class."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(np.flatnonzero(labels == name), per_class, replace=False) for name in np.unique(labels)]
    train = np.zeros(len(labels), bool)
    train[np.concatenate(drawn)] = True
    return float(classifier.fit(inputs[train], labels[train]).score(inputs[~train], labels[~train]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["image", "text"])
    parser.add_argument(
        "--to", type=Path, required=True, help="folder of the weights; those found there are only probed"
    )
    parser.add_argument("--debian", type=Path, default=Path("/"), help="where the Debian packages are unpacked")
    parser.add_argument("--probe", help="one more data set, as recipes name it: 'data=table data.file=...'")
    parser.add_argument("--per-class", type=int, default=10, help="training samples per class of that data set")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    chosen.to.mkdir(parents=True, exist_ok=True)
    try:
        if not (chosen.to / f"tiny_{chosen.kind}.safetensors").exists():
            (pretrain_image if chosen.kind == "image" else pretrain_text)(chosen.debian, chosen.to)
        report(chosen.kind, chosen.to, [(chosen.probe, chosen.per_class)] if chosen.probe else PROBES[chosen.kind])
    except TLError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
