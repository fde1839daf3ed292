"""Recipes with a mistake, as people write them: python -m tests.faults.wrong_recipes prints the answers as a table.

Each is checked and, where its mistakes have fixes, fixed and checked again.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tl.errors import Mistake, TLError

HEAD = "defaults:\n  - base\n  - data: tiny_shapes\n"
TEXTS = "defaults:\n  - base\n  - data: tiny_sentences\n  - backbone: tiny_text\n"
# The kind of mistake, then recipes that make it; a text that does not begin with "defaults" or "!" goes below HEAD.
WRONG: dict[str, tuple[str, ...]] = {
    "a word of another tool": (
        *("epochs: 5", "num_train_epochs: 3", "max_steps: 100"),
        *("batch_size: 16", "learning_rate: 1e-3", "lr: 1e-3"),
        *("loop: {epochs: 5}", "loop:\n  batch_size: 8", "loop: {num_epochs: 2}", "loop: {lr: 0.01}"),
        *("optimizer: {learning_rate: 0.001}", "optimizer: {wd: 0.1}", "optimizer: {warmup_ratio: 0.1}"),
        *("optimizer: {lr_scheduler_type: linear}", "warmup_steps: 10"),
        *("weight_decay: 0.1", "fp16: true", "bf16: true"),
        *("early_stopping: 3", "early_stopping_patience: 5"),
        *("gradient_accumulation_steps: 4", "max_grad_norm: 1.0"),
        *("num_classes: 4", "num_labels: 4"),
        *("model_name_or_path: bert-base", "pretrained: true", "img_size: 64"),
        *("label_smoothing_factor: 0.1", "dropout: 0.1", "head: {drop_rate: 0.2}", "head: {smoothing: 0.1}"),
        *("random_seed: 7", "random_state: 7", "output_dir: out"),
        *("eval_steps: 5", "logging_steps: 5", "save_steps: 50"),
        *("evaluation_strategy: epoch", "num_workers: 0"),
        *("ema_decay: 0.99", "amp: true", "class_weight: balanced"),
        *("validation_split: 0.2", "test_size: 0.2"),
        *("freeze_backbone: true", "layer_decay: 0.75", "devices: 2"),
        *("mixed_precision: bf16", "load_best_model_at_end: true"),
        *("torch_compile: false", "report_to: tensorboard"),
    ),
    "a misspelt key": (
        *("sed: 1", "lop: {batch: 8}", "loop: {lenght: 3ep}"),
        *("loop: {pateince: 3}", "loop: {evalevery: 1ep}"),
        *("optimizer: {wieght_decay: 0.1}", "optimizer: {warmpu: 5%}"),
        *("optimizer: {learning: 0.1}", "haed: {init: ridge}"),
        *("data: {split: {vall: 0.2}}", "backbone: {sise: 32}", "optimizer: {Lr: 0.001}", "loop: {xyz: 1}"),
    ),
    "a key in the wrong place": (
        *("optimizer.lr: 1e-3", "loop.length: 3ep", "patience: 3", "per_class: 20", "label_smoothing: 0.1"),
        "head: {label_smoothing: 0.1}",
        *("optimizer: {batch: 8}", "loop:\n  seed: 3\n  batch: 8"),
        *("head: mlp", "freeze: full", "optimizer: sgd"),
    ),
    "an option": (
        *("defaults:\n  - base\n  - data: tiny_shape",),
        *(HEAD + "  - head: lineer", HEAD + "  - optimizer: adamW"),
        *(HEAD + "  - optimiser: sgd", HEAD + "  - freeze: none"),
        *(HEAD + "  - head: transformer", "defaults: base"),
        *("defaults:\n  - bsae\n  - data: tiny_shapes",),
        *("defaults:\n  - data: tiny_shapes", "defaults: {data: tiny_shapes}"),
        *(HEAD + "  - [head, mlp]", HEAD + "  - 5", "seed: 3\ndefaults:\n  - head: mlp"),
    ),
    "a value of another type": (
        *("seed: one", "seed: 1.0", "seed: null", "loop: {batch: '8'}"),
        *("loop: {batch: 8.0}", "loop: {batch: eight}"),
        *("optimizer: {lr: 0,001}", "optimizer: {lr: fast}"),
        *("optimizer: {lr: '1e-3'}", "optimizer: {betas: 0.9}"),
        *("loop: {compile: 'true'}", "loop: {compile: yes please}"),
        *("loop: {compile: 1}", "loop: {shard: 'no'}"),
        *("data: {classes: disc}", "data: {classes: [no, disc]}"),
        *("data: {classes: [01, disc]}", "name: 12:30"),
        *("data: {split: 0.2}", "loop: fast"),
        *("loop: {trackers: tensorboard}", "loop: {device: true}", "name: 1e5"),
    ),
    "a word that is none of the choices": (
        *("loop: {precision: BF16}", "loop: {precision: half}"),
        *("loop: {device: gpu}", "loop: {batch_norm: frozen}"),
        *("optimizer: {schedule: cosin}", "optimizer: {schedule: OneCycle}"),
        *("data: {balance: weight}", "cache: {use: yes}"),
        *("loop: {best: acc}", "loop: {best: macrof1}", "loop: {trackers: [wandbb]}", "head: {init: rigde}"),
    ),
    "a duration": (
        *("loop: {length: 10epochs}", "loop: {length: 10}"),
        *("loop: {length: 5 epochs}", "loop: {length: ten ep}"),
        *("loop: {log_every: 10steps}", "loop: {save_every: 5 minutes}"),
        *("loop: {length: -3ep}", "loop: {length: 110%}"),
        *("loop: {length: 0ep}", "loop: {max_time: 2h}"),
        *("optimizer: {warmup: 500step}", "loop: {length: 3EP}"),
    ),
    "a number out of range": (
        *("optimizer: {lr: 0}", "optimizer: {lr: -0.1}"),
        *("optimizer: {lr: 10}", "loop: {batch: 0}", "loop: {ema: 1.5}"),
        *("task: {label_smoothing: 4}", "backbone: {size: 3}"),
        *("backbone: {size: -1}", "loop: {clip: 0}", "loop: {workers: -1}"),
        *(HEAD + "  - head: mlp\nhead: {dropout: 7}",),
        *(HEAD + "  - head: cosine\nhead: {scale: -1}", "cache: {max_gb: 0}"),
        *(HEAD + "  - augment: image\naugment: {flip: 7}", HEAD + "  - augment: image\naugment: {mixup: -1}"),
        *("data: {split: {val: 2}}", "data: {split: {val: 0.6, test: 0.6}}"),
        *("data: {per_class: 0}", "seed: 9e30"),
        *(TEXTS + "backbone: {max_length: -5}", "loop: {bootstrap: -1}", "optimizer: {betas: [0.9, 1.5]}"),
    ),
    "YAML": (
        *("loop:\n\tbatch: 8", "loop:\n  batch: 8\n   length: 3ep"),
        *("loop: {batch: 8", "name: 'my run", "seed:3"),
        *("seed = 3", "seed: 1\nseed: 2", "name: a: b"),
        *("data: {classes: [disc, cross}", "name: *mine", "name: @mine"),
        *("name: !mine x", "---\nseed: 3", "name: \u201cmine\u201d"),
        *("loop:\n\u00a0 batch: 8", "<html>", "name: 'it's'"),
        *("!", "!- base", "!base", "!{", "%YAML 1.2", "name: \"C:\\data\"", "<<<<<<< HEAD", "? [a, b]\n: c"),
    ),
    "what does not go together": (
        *(HEAD + "  - backbone: tiny_text", HEAD + "  - augment: text", TEXTS + "  - augment: image"),
        *("loop: {shard: true, compile: true}",),
        *("loop: {precision: fp16}", "loop: {device: cuda}", "name: a/b"),
        *(HEAD + "  - method: dann", HEAD + "  - method: distill"),
        *("loop: {log_every: '${loop.evry}'}", "name: ''"),
        *("backbone: {weights: runs/nowhere}",),
        *("backbone: {weights: hub:OWNER/NAME}", "backbone: {size: 7}", "head: {init: svm}"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """The codes of what `tl check` says, its first sentence, and whether --fix leaves a recipe without mistakes."""

    codes: tuple[str, ...]
    said: str
    fixed: str

    def row(self, text: str) -> str:
        said = re.sub(r"There is: .*\.", "There is: (all).", self.said)  # so that a new option or metric changes no row
        shown = [part.encode("unicode_escape").decode().replace("|", "\\|") for part in (without_head(text), said)]
        return f"| `{shown[0]}` | {', '.join(self.codes) or 'taken'} | {self.fixed} | {shown[1]} |"


def without_head(text: str) -> str:
    return text.removeprefix(HEAD).removeprefix(TEXTS).strip("\n") or text


def whole(text: str) -> str:
    """The text of the file."""
    if text.startswith("!"):
        return text[1:] + "\n"
    return text + "\n" if text.startswith("defaults") else f"{HEAD}{text}\n"


@cache
def answered(text: str) -> Answered:
    """What tl says to the recipe, in an empty folder."""
    from tl.commands.fix import fix

    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("r.yaml").write_text(whole(text), encoding="utf-8")
            mistakes = _mistakes()
            fixed = ""
            if any(mistake.fix for mistake in mistakes):
                fix("r.yaml", [])
                fixed = "passes" if not _mistakes() else "in part"
            return Answered(tuple(dict.fromkeys(m.code for m in mistakes)), str(mistakes[0]) if mistakes else "", fixed)
        finally:
            os.chdir(before)


def _mistakes() -> tuple[Mistake, ...]:
    from tl.commands.check import check

    try:
        return check("r.yaml", [], Path("runs")).warnings
    except TLError as error:
        return error.mistakes


def table() -> str:
    """The table of README.md."""
    rows = [answered(text).row(text) for texts in WRONG.values() for text in texts]
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
