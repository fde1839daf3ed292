"""The jobs through fastai's Learner, frozen by freeze_to. The variant `channels_last` is its callback of that name.

fastai's own texts are its recurrent AWD-LSTM; here its plain Learner trains the encoder that the other peers train.
"""

from __future__ import annotations

import numpy as np
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.schedule import ParamScheduler, SchedCos
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.learner import Callback, Learner
from fastai.metrics import accuracy
from fastai.vision.augment import CropPad, Normalize, Resize
from fastai.vision.data import ImageDataLoaders, get_image_files
from PIL import Image
from torch import nn

from peers import jobs
from peers.clock import Task, task
from peers.nets import Net, net
from peers.reading import classes, loader


class Epochs(Callback):
    """Marks the end of an epoch's evaluation."""

    order = 100

    def __init__(self, given: Task) -> None:
        self.given = given

    def after_epoch(self) -> None:
        self.given.mark()


def loaders(given: Task) -> DataLoaders:
    """Pictures by fastai's own reader; texts by PyTorch loaders, which it takes too."""
    if given.modality == "texts":
        return DataLoaders(*(loader(given.folder, "texts", split) for split in ("train", "val")))
    bicubic = (Image.Resampling.BICUBIC, Image.Resampling.NEAREST)
    return ImageDataLoaders.from_folder(
        given.folder,
        train="train",
        valid="val",
        item_tfms=[Resize(jobs.RESIZE, resamples=bicubic), CropPad(jobs.SIZE, order=2)],
        batch_tfms=[Normalize.from_stats([jobs.MEAN] * 3, [jobs.STD] * 3, cuda=False)],
        bs=jobs.BATCH,
        val_bs=jobs.EVAL_BATCH,
        num_workers=jobs.WORKERS,
        device=torch.device("cpu"),
    )


def parts(model: Net) -> list[list[nn.Parameter]]:
    """Parameter groups, shallow to deep."""
    return [list(part.parameters()) for part in (*model.stages, model.head)]


def train(learner: Learner, phase: jobs.Phase, modality: str) -> None:
    """One phase, evaluated after each epoch."""
    depth = len(learner.model.stages)
    learner.freeze_to(depth - phase.stages)
    rates = jobs.LR[modality] * np.array([1.0] * depth + [jobs.HEAD_FACTOR])
    learner.fit(phase.epochs, rates, cbs=ParamScheduler({"lr": SchedCos(rates, 0 * rates)}))


def accuracy_on_test(learner: Learner, given: Task) -> float:
    """The share of right answers on the test split."""
    if given.modality == "texts":
        batches = loader(given.folder, "texts", "test")
    else:
        batches = learner.dls.test_dl(get_image_files(given.folder / "test"), with_labels=True)
    with learner.removed_cbs(learner.cbs.filter(lambda one: isinstance(one, Epochs))):
        scores, targets = learner.get_preds(dl=batches)
    return float(accuracy(scores, targets))


def main() -> None:
    given = task("fastai", __doc__, variants=("channels_last",))
    learner = Learner(
        loaders(given),
        net(given.modality, classes(given.folder, given.modality)),
        loss_func=nn.CrossEntropyLoss(),
        splitter=parts,
        metrics=accuracy,
        wd=jobs.WEIGHT_DECAY,
        train_bn=False,
        cbs=[GradientClip(jobs.CLIP), Epochs(given), *([ChannelsLast()] if given.variant else [])],
    )
    torch.manual_seed(jobs.SEED)
    given.mark()
    with learner.no_bar(), learner.no_logging():
        for phase in jobs.phases(given.job, given.modality):
            train(learner, phase, given.modality)
        found = accuracy_on_test(learner, given)
    given.report(found)


if __name__ == "__main__":
    main()
