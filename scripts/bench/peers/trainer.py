"""The jobs through the Trainer of the Transformers library: a new Trainer for each phase, as its users unfreeze."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import (
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from peers.clock import Task, task
from peers.jobs import BATCH, CLIP, EVAL_BATCH, SEED, WORKERS, Phase, phases
from peers.nets import Net, groups, net
from peers.reading import FIELDS, Texts, classes, pictures


class WithLoss(nn.Module):
    """The network with the signature that the Trainer wants."""

    def __init__(self, model: Net, fields: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.fields = model, fields

    def forward(self, labels: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
        logits = self.model(*(inputs[field] for field in self.fields))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Epochs(TrainerCallback):
    """Marks the end of an epoch's evaluation."""

    def __init__(self, given: Task) -> None:
        self.given = given

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        self.given.mark()


def splits(given: Task) -> tuple[dict[str, Dataset[Any]], Any, tuple[str, ...]]:
    """The three data sets, what makes batches of them, and the names of the network's inputs."""
    names = ("train", "val", "test")
    if given.modality == "images":
        return {name: pictures(given.folder, name) for name in names}, _stacked, ("pixel_values",)
    texts = {name: Texts(given.folder, name) for name in names}
    return texts, DataCollatorWithPadding(texts["train"].tokenizer), FIELDS


def _stacked(rows: list[tuple[Tensor, int]]) -> dict[str, Tensor]:
    pixels, labels = zip(*rows, strict=True)
    return {"pixel_values": torch.stack(pixels), "labels": torch.tensor(labels)}


def _accuracy(found: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float(np.mean(found.predictions.argmax(1) == found.label_ids))}


def arguments(folder: str, phase: Phase) -> TrainingArguments:
    """The Trainer's settings for a phase."""
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=phase.epochs,
        per_device_train_batch_size=BATCH,
        per_device_eval_batch_size=EVAL_BATCH,
        max_grad_norm=CLIP,
        lr_scheduler_type="cosine",
        eval_strategy="epoch",
        save_strategy="no",
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=WORKERS,
        dataloader_pin_memory=False,
        use_cpu=True,
        seed=SEED,
    )


def main() -> None:
    given = task("transformers Trainer", __doc__)
    data, collate, fields = splits(given)
    model = net(given.modality, classes(given.folder, given.modality))
    given.mark()
    with tempfile.TemporaryDirectory() as folder:
        for phase in phases(given.job, given.modality):
            model.learn(phase.stages)
            trainer = Trainer(
                model=WithLoss(model, fields),
                args=arguments(folder, phase),
                data_collator=collate,
                train_dataset=data["train"],
                eval_dataset=data["val"],
                compute_metrics=_accuracy,
                optimizers=(torch.optim.AdamW(groups(model, given.modality)), None),
                callbacks=[Epochs(given)],
            )
            trainer.train()
        trainer.remove_callback(Epochs)
        found = trainer.evaluate(data["test"])
    given.report(found["eval_accuracy"])


if __name__ == "__main__":
    main()
