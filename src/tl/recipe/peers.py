"""Words of other tools (the Transformers Trainer, timm, fastai, Keras, Lightning, Ludwig, AutoGluon) and what `tl` has.

Each leads to the key of `tl`, with the value as `tl` writes it, or to a sentence where no key does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Translate = Callable[[Any], Any]


@dataclass(frozen=True)
class Peer:
    """The key of `tl` for a word of another tool; `value` gives None where the other tool's value cannot be translated.

    `hint` says more, or says all where `key` is "", since no key does what the word does elsewhere.
    """

    key: str
    value: Translate
    hint: str = ""


def peer(word: str) -> Peer | None:
    """What `tl` has for a word of another tool; None for a word that is not known."""
    return PEERS.get(word.lower().replace("-", "_"))


def _same(value: Any) -> Any:
    return value


def _unknown(_: Any) -> None:
    """The value cannot be translated: it needs a decision, or more than this one value."""


def _with_unit(unit: str) -> Translate:
    def value(number: Any) -> str | None:
        return f"{number:g}{unit}" if _is_number(number) and number > 0 else None

    return value


def _percent(share: Any) -> str | None:
    return f"{100 * share:g}%" if _is_number(share) and 0 <= share <= 1 else None


def _inverse(factor: Any) -> float | None:
    return float(f"{1 / factor:.4g}") if _is_number(factor) and 0 < factor <= 1 else None


def _switch(on: str) -> Translate:
    return lambda value: on if value is True else None


def _one_of(words: dict[str, str]) -> Translate:
    return lambda value: words.get(str(value).lower().replace("-", "_"))


def _patience(value: Any) -> Any:
    if value is True:
        return "auto"
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_SCHEDULES = {
    **{name: name for name in ("constant", "linear", "cosine", "one_cycle", "slanted_triangular")},
    "onecycle": "one_cycle",
    "onecyclelr": "one_cycle",
    "fit_one_cycle": "one_cycle",
    "cosineannealinglr": "cosine",
    "cosine_annealing": "cosine",
    "constant_with_warmup": "constant",
}
_PRECISIONS = {
    "16": "fp16",
    "16_mixed": "fp16",
    "bf16_mixed": "bf16",
    "32": "no",
    "float16": "fp16",
    "bfloat16": "bf16",
}
_PRECISIONS |= {"fp16": "fp16", "bf16": "bf16", "no": "no", "false": "no", "fp32": "no", "true": "auto"}
_FROM_DATA = "the data says how many classes there are"
_OPTION = "it is chosen in 'defaults', as in '- {}'"


def _words(names: str, key: str, value: Translate = _same, hint: str = "") -> dict[str, Peer]:
    return dict.fromkeys(names.split(), Peer(key, value, hint))


PEERS: dict[str, Peer] = {
    # The loop.
    **_words("epochs epoch n_epochs n_epoch num_epochs num_train_epochs max_epochs", "loop.length", _with_unit("ep")),
    **_words("max_steps num_steps total_steps num_train_steps max_iters iterations", "loop.length", _with_unit("step")),
    **_words("batch_size bs batchsize train_batch_size global_batch_size", "loop.batch"),
    **_words("per_device_train_batch_size per_gpu_train_batch_size per_device_batch_size", "loop.device_batch"),
    **_words("micro_batch_size device_batch_size eval_batch_size per_device_eval_batch_size", "loop.device_batch"),
    **_words(
        "gradient_accumulation_steps accumulate_grad_batches accumulation_steps grad_accum_steps",
        "loop.batch",
        _unknown,
        "it is loop.device_batch times this number, times the number of devices",
    ),
    **_words("early_stopping early_stopping_patience early_stopping_rounds", "loop.patience", _patience),
    **_words("metric_for_best_model monitor eval_metric best_metric validation_metric", "loop.best", _unknown),
    **_words("load_best_model_at_end save_best_only restore_best_weights", "loop.keep_weights", _switch("best")),
    **_words("eval_steps val_check_interval", "loop.eval_every", _with_unit("step")),
    **_words("eval_strategy evaluation_strategy", "loop.eval_every", _one_of({"epoch": "1ep"})),
    **_words("save_steps", "loop.save_every", _with_unit("step")),
    **_words("logging_steps log_every_n_steps log_interval", "loop.log_every", _with_unit("step")),
    **_words("max_grad_norm gradient_clip_val clip_grad grad_clip clip_grad_norm clipnorm", "loop.clip"),
    **_words("mixed_precision amp", "loop.precision", _one_of(_PRECISIONS)),
    **_words("fp16 use_fp16 half", "loop.precision", _switch("fp16")),
    **_words("bf16", "loop.precision", _switch("bf16")),
    **_words("ema_decay model_ema_decay", "loop.ema"),
    **_words("model_ema use_ema", "loop.ema", lambda value: 0.999 if value is True else None),
    **_words("num_workers dataloader_num_workers n_workers", "loop.workers"),
    **_words("accelerator", "loop.device", _one_of({"gpu": "cuda", "cuda": "cuda", "cpu": "cpu", "auto": "auto"})),
    **_words("torch_compile", "loop.compile"),
    **_words("use_gradient_checkpointing", "loop.gradient_checkpointing"),
    **_words("group_by_length", "loop.bucket"),
    **_words("report_to logger", "loop.trackers", lambda value: [value] if isinstance(value, str) else value),
    **_words("save_total_limit", "loop.keep_checkpoints", _unknown),
    **_words("time_limit max_runtime", "loop.max_time", _unknown),
    **_words("random_seed random_state manual_seed", "seed"),
    # The optimizer.
    **_words("learning_rate base_lr lr0 max_lr peak_lr lr_max init_lr", "optimizer.lr"),
    **_words("wd l2 l2_regularization", "optimizer.weight_decay"),
    **_words("warmup_steps num_warmup_steps warmup_iters", "optimizer.warmup", _with_unit("step")),
    **_words("warmup_epochs", "optimizer.warmup", _with_unit("ep")),
    **_words("warmup_ratio warmup_fraction pct_start warmup_proportion", "optimizer.warmup", _percent),
    **_words("lr_scheduler lr_scheduler_type scheduler sched lr_schedule", "optimizer.schedule", _one_of(_SCHEDULES)),
    **_words("layer_decay llrd layerwise_lr_decay", "optimizer.stage_factor", _inverse),
    **_words("adam_epsilon opt_eps", "optimizer.eps"),
    **_words("opt_betas", "optimizer.betas"),
    **_words("optim opt optimizer_type optimizer_name", "", _unknown, _OPTION.format("optimizer: adamw")),
    # Backbone, head, freezing and augmentation.
    **_words("img_size image_size input_size imgsz resolution", "backbone.size"),
    **_words("max_seq_length max_seq_len max_len model_max_length sequence_length", "backbone.max_length"),
    **_words(
        "model model_name model_name_or_path pretrained_model_name_or_path checkpoint_path arch pretrained",
        "backbone.weights",
        _unknown,
        "hub:ID names a model of a hub, and '- backbone: NAME' in 'defaults' its kind",
    ),
    **_words("num_labels num_classes n_classes nb_classes", "", _unknown, _FROM_DATA),
    **_words("label_smoothing_factor smoothing", "task.label_smoothing"),
    **_words("dropout drop_rate drop dropout_rate classifier_dropout hidden_dropout_prob", "head.dropout"),
    **_words("freeze_backbone freeze_encoder frozen trainable", "", _unknown, _OPTION.format("freeze: full")),
    **_words("mixup_alpha", "augment.mixup"),
    **_words("cutmix_alpha", "augment.cutmix"),
    **_words("hflip horizontal_flip random_flip fliplr", "augment.flip"),
    **_words("vflip flipud", "augment.vertical_flip"),
    **_words("color_jitter colorjitter", "augment.color"),
    **_words("reprob random_erasing", "augment.erase"),
    **_words("degrees rotation", "augment.rotate"),
    # The data.
    **_words("train_file data_file dataset_file csv csv_file", "data.file"),
    **_words("data_dir train_dir dataset_dir data_path data_root dataset_path", "data.root"),
    **_words("text_column text_column_name text_col", "data.text"),
    **_words("label_column label_column_name label_col target target_column", "data.label"),
    **_words("val_split validation_split valid_pct val_size val_fraction", "data.split.val"),
    **_words("test_split test_size test_fraction", "data.split.test"),
    **_words("class_weight class_weights", "data.balance", _one_of({"balanced": "weights", "true": "weights"})),
    **_words("weighted_sampler balanced_sampling", "data.balance", _switch("sampling")),
    # What the command line does.
    **_words("output_dir save_dir logging_dir results_dir", "", _unknown, "use tl finetune --runs FOLDER"),
    **_words("resume resume_from_checkpoint ckpt_path", "", _unknown, "use tl finetune --resume RUN"),
    **_words("nproc num_processes num_gpus n_gpus devices", "", _unknown, "use tl finetune --processes N"),
    **_words("do_train do_eval do_predict", "", _unknown, "each is a command: tl finetune, tl evaluate, tl predict"),
}  # fmt: skip
