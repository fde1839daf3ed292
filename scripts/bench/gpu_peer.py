"""One network, fully fine-tuned by one peer on a GPU: a line of JSON with its speed. scripts/gpu.py starts it.

The steps after the warm-up are timed as a whole, with the device waited for at both ends. `waiting` is the share of
that time which the training loop spent in its reader, an upper bound of what reading costs: the device may have had
work.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

# Dense peak in TFLOP/s of bf16 (fp16 for cards without bf16), as NVIDIA's data sheets give it without sparsity.
PEAKS = {
    r"\bB200\b": 2250.0,
    r"\bH200\b": 989.4,
    r"\bH100 PCIe\b": 756.0,
    r"\bH100 NVL\b": 835.5,
    r"\bH100\b": 989.4,
    r"\bA100\b": 312.0,
    r"\bL40S\b": 362.0,
    r"\bL40\b": 181.0,
    r"\bL4\b": 121.0,
    r"\bA10\b": 125.0,
    r"\bRTX A6000\b": 154.8,
    r"\bRTX 4090\b": 165.2,
    r"\bRTX 3090\b": 71.0,
    r"\bT4\b": 65.0,
    r"\bV100\b": 125.0,
}
CLASSES = 4
WORDS = ("zebra", "river", "amber", "stone", "cloud", "quiet", "maple", "silver", "north", "garden", "orange", "paper")


@dataclass(frozen=True)
class Size:
    """How much of everything: samples, steps (the first `warm` are not timed), samples of a step, side or tokens."""

    samples: int
    steps: int
    warm: int
    batch: int
    side: int
    tokens: int
    workers: int


FULL = {
    "resnet50": Size(2048, 60, 20, 128, 224, 0, 8),
    "vit_b_16": Size(2048, 60, 20, 64, 224, 0, 8),
    "bert": Size(4096, 60, 20, 64, 0, 128, 0),
}
TINY = {
    "resnet50": Size(24, 3, 1, 4, 64, 0, 0),
    "vit_b_16": Size(24, 3, 1, 4, 32, 0, 0),
    "bert": Size(24, 3, 1, 4, 0, 16, 0),
}


class Clock:
    """Times the steps after the warm-up; `reading` sums what the loop spent in its reader meanwhile."""

    def __init__(self, size: Size, device: torch.device) -> None:
        self.size, self.device, self.done = size, device, 0
        self.reading, self.began, self.seconds = 0.0, 0.0, 0.0

    def step(self) -> None:
        """A step has been given to the device."""
        self.done += 1
        if self.done in (self.size.warm, self.size.steps):
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            if self.done == self.size.warm:
                self.began, self.reading = time.perf_counter(), 0.0
            else:
                self.seconds = time.perf_counter() - self.began

    def read(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches; the time until each is there counts as reading."""
        while True:
            began = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self.reading += time.perf_counter() - began
            yield batch


def pictures(folder: Path, size: Size) -> Path:
    """JPEG pictures of 256 pixels a side in a folder for each class below `train` and `val`."""
    root, draw = folder / f"pictures_{size.side}", np.random.default_rng(0)
    if root.is_dir():
        return root
    part = root.with_suffix(".part")
    for number in range(size.samples + 2 * CLASSES):
        split = "train" if number < size.samples else "val"
        place = part / split / f"class{number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC).save(place / f"{number}.jpg", quality=90)
    return part.rename(root)


def texts(folder: Path, size: Size) -> Path:
    """A table of texts that are longer than the tokens that are read of them, so that all have the same length."""
    file, draw = folder / f"texts_{size.tokens}.csv", random.Random(0)
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerow(["text", "label", "part"])
        for number in range(size.samples + 2 * CLASSES):
            words = " ".join(draw.choices(WORDS, k=2 * size.tokens))
            rows.writerow([words, f"class{number % CLASSES}", "train" if number < size.samples else "val"])
    return file


def bert_config(tiny: bool) -> Any:
    """BERT-base, or two narrow layers of its kind."""
    from transformers import BertConfig

    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return BertConfig(num_labels=CLASSES, **(small if tiny else {}))


def bert_folder(folder: Path, tiny: bool) -> Path:
    """A Transformers folder with random weights and the tokenizer of tl's tiny_text."""
    from transformers import BertModel

    from tl.components.backbone.tiny_text import TOKENIZER

    at = folder / ("bert_tiny" if tiny else "bert_base")
    BertModel(bert_config(tiny), add_pooling_layer=False).save_pretrained(at)
    (at / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    return at


def through_tl(case: str, chosen: argparse.Namespace, size: Size, clock: Clock) -> None:
    from tl.cli.printing.progress import Quiet
    from tl.commands.finetune import Request, finetune
    from tl.inputs.streams import Stream
    from tl.recipe.recipe import load

    class Listening(Quiet):
        def step(self, step: int, size: int) -> None:
            clock.step()

    steps = Stream.steps
    Stream.steps = lambda self, first, last: clock.read(steps(self, first, last))  # type: ignore[method-assign]
    common = [f"loop.device={chosen.device}", f"loop.batch={size.batch}", f"loop.device_batch={size.batch}"]
    common += [f"loop.length={size.steps}step", f"loop.precision={precision(clock.device)}", "loop.bootstrap=0"]
    common += [f"loop.eval_every={size.steps}step", f"loop.log_every={size.steps}step", "loop.save_every=60min"]
    common += [
        f"loop.workers={size.workers}",
        "freeze=full",
        "optimizer.lr=1e-4",
        f"cache.folder={chosen.folder}/cache",
    ]
    common += ["head.init=random", "head.standardize=false"]
    if case == "bert":
        own = ["data=table", f"data.file={texts(chosen.folder, size)}", "data.text=text", "data.label=label"]
        own += ["data.split_column=part", "backbone=text_encoder", f"backbone.max_length={size.tokens}"]
        own += [f"backbone.weights={bert_folder(chosen.folder, chosen.tiny)}"]
    else:
        family = "resnet" if case == "resnet50" else "vit"
        own = ["data=image_folder", f"data.root={pictures(chosen.folder, size)}", f"backbone={family}"]
        own += [f"backbone.name={case}", "backbone.weights=none", f"backbone.size={size.side}", "augment=image"]
    finetune(Request(load("base", [*own, *common]), chosen.folder / "runs", None, "gpu"), Listening())


def through_timm(case: str, chosen: argparse.Namespace, size: Size, clock: Clock) -> None:
    from timm import create_model
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2

    name, sized = ("resnet50", {}) if case == "resnet50" else ("vit_base_patch16_224", {"img_size": size.side})
    model = create_model(name, num_classes=CLASSES, **sized).to(clock.device)
    if clock.device.type == "cuda":
        model = model.to(memory_format=torch.channels_last)
    model.train()
    batches = create_loader(
        create_dataset("", str(pictures(chosen.folder, size)), split="train"),
        input_size=(3, size.side, size.side),
        batch_size=size.batch,
        is_training=True,
        num_workers=size.workers,
        device=clock.device,
        persistent_workers=False,
        use_prefetcher=clock.device.type == "cuda",
        pin_memory=clock.device.type == "cuda",
    )
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-4, weight_decay=0.01)
    criterion = torch.nn.CrossEntropyLoss()
    for pixels, target in clock.read(_endless(lambda: batches, size.steps)):
        moved = pixels.to(clock.device, non_blocking=True)
        if clock.device.type == "cuda":
            moved = moved.contiguous(memory_format=torch.channels_last)
        with _autocast(clock.device):
            loss = criterion(model(moved), target.to(clock.device, non_blocking=True))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        clock.step()


def through_trainer(case: str, chosen: argparse.Namespace, size: Size, clock: Clock) -> None:
    from tokenizers import Tokenizer
    from transformers import BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

    from tl.components.backbone.tiny_text import TOKENIZER

    class Callback(TrainerCallback):
        def on_step_end(self, *given: Any, **more: Any) -> None:
            clock.step()

    class Timed(Trainer):
        def get_batch_samples(self, epoch_iterator: Any, *given: Any, **more: Any) -> Any:
            began = time.perf_counter()
            found = super().get_batch_samples(epoch_iterator, *given, **more)
            clock.reading += time.perf_counter() - began
            return found

    tokenizer = Tokenizer.from_str(TOKENIZER.read_text(encoding="utf-8"))
    tokenizer.enable_truncation(size.tokens)
    with texts(chosen.folder, size).open(newline="", encoding="utf-8") as opened:
        rows = [row for row in csv.DictReader(opened) if row["part"] == "train"]
    data = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": int(row["label"][-1])}
        for row in rows
        for ids in [tokenizer.encode(row["text"]).ids]
    ]
    on_gpu, kind = clock.device.type == "cuda", precision(clock.device)
    arguments = TrainingArguments(
        output_dir=str(chosen.folder / "trainer"),
        max_steps=size.steps,
        per_device_train_batch_size=size.batch,
        learning_rate=1e-4,
        max_grad_norm=1.0,
        bf16=kind == "bf16" and on_gpu,
        fp16=kind == "fp16",
        use_cpu=not on_gpu,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=size.workers,
        dataloader_pin_memory=on_gpu,
    )
    model = BertForSequenceClassification(bert_config(chosen.tiny))
    trainer = Timed(model=model, args=arguments, train_dataset=data, data_collator=_stacked, callbacks=[Callback()])
    trainer.train()


def _stacked(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}


def _endless(again: Callable[[], Any], steps: int) -> Iterator[Any]:
    """So many batches: one pass after the other."""
    given = 0
    while given < steps:
        for batch in again():
            yield batch
            given += 1
            if given == steps:
                return


def precision(device: torch.device) -> str:
    """bf16 where the device computes in it; else fp16 on a GPU, and full precision on a CPU."""
    if device.type == "cpu":
        return "no"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _autocast(device: torch.device) -> Any:
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16, "no": torch.bfloat16}[precision(device)]
    return torch.autocast(device.type, dtype=kind, enabled=precision(device) != "no")


def flops_of_sample(case: str, tiny: bool, size: Size) -> float:
    """Floating-point operations of training on one sample: three times those of the forward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        if case == "bert":
            from transformers import BertModel

            model: torch.nn.Module = BertModel(bert_config(tiny), add_pooling_layer=False)
            given = torch.zeros(1, size.tokens, dtype=torch.long)
        else:
            from torchvision import models

            sized = {} if case == "resnet50" else {"image_size": size.side}
            model, given = getattr(models, case)(**sized), torch.zeros(1, 3, size.side, size.side)
        with FlopCounterMode(display=False) as counter:
            model.eval()(given)
    return 3.0 * counter.get_total_flops()


def peak_flops(name: str) -> float | None:
    """The dense peak of a card by its name; None where it is not in the table."""
    return next((1e12 * peak for pattern, peak in PEAKS.items() if re.search(pattern, name)), None)


PEERS = {"tl": through_tl, "timm": through_timm, "trainer": through_trainer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=tuple(FULL))
    parser.add_argument("peer", choices=tuple(PEERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true")
    chosen = parser.parse_args()
    size = (TINY if chosen.tiny else FULL)[chosen.case]
    device = torch.device(chosen.device)
    clock = Clock(size, device)
    PEERS[chosen.peer](chosen.case, chosen, size, clock)
    per_second = (size.steps - size.warm) * size.batch / clock.seconds
    peak = peak_flops(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    facts = {
        "per_second": per_second,
        "unit": "text" if chosen.case == "bert" else "image",
        "mfu": None if peak is None else per_second * flops_of_sample(chosen.case, chosen.tiny, size) / peak,
        "waiting": clock.reading / clock.seconds,
        "gb": torch.cuda.max_memory_allocated(device) / 1024**3 if device.type == "cuda" else 0.0,
        "precision": precision(device),
        "batch": size.batch,
        "steps": size.steps - size.warm,
    }
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
