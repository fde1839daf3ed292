"""Plug-ins that were written before the wings, at commit e58e684: their imports by former names go on working."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

from tl.recipe import former

FORMER = {
    "old-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: old\nVersion: 1.0\n",
    "old-1.0.dist-info/entry_points.txt": "[tl.head]\nplain = old.plain\n[tl.method]\nhalf = old.half\n",
    "old/__init__.py": "",
    "old/plain.yaml": "# A head from before the wings of tl.\ndefaults: [_common, _self_]\n"
    "scale: 1.0\nwarmup: {steps: 1step}\n",
    "old/warmup.py": """\
        from dataclasses import dataclass

        from tl.duration import Duration


        @dataclass(frozen=True)
        class Warmup:
            steps: Duration
        """,
    "old/plain.py": """\
        from typing import ClassVar, Unpack, final

        from torch import nn

        from old.warmup import Warmup
        from tl import functional
        from tl.errors import TLError
        from tl.head.base import Common, Head
        from tl.space import Space


        @final
        class Plain(Head):
            kinds: ClassVar[tuple[str, ...]] = ("single",)
            starts: ClassVar[tuple[str, ...]] = ("random",)

            def __init__(self, dim_in: int, space: Space, *, scale: float, warmup: Warmup, **common: Unpack[Common]):
                super().__init__(dim_in, space, common)
                if scale <= 0:
                    raise TLError(f"head.scale: {scale:g} must be above 0.")
                self.layer, self.scale = nn.Linear(dim_in, space.dim), scale

            def answer(self, features):
                return self.scale * self.layer(features)
        """,
    "old/half.yaml": "# Half of the head's own loss: a method from before the wings of tl.\nshare: 0.5\n",
    "old/half.py": """\
        from typing import final

        from tl.batch import Streams
        from tl.method.base import Method
        from tl.model import Model


        @final
        class Half(Method):
            def __init__(self, *, share: float) -> None:
                super().__init__()
                self.share = share

            def loss(self, model: Model, batch: Streams) -> dict:
                train = batch["train"]
                return {"half": self.share * model.head.loss(model(train.x, train.start), train.y)}
        """,
}


LISTING = {
    "old_data-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: old-data\nVersion: 1.0\n",
    "old_data-1.0.dist-info/entry_points.txt": "[tl.data]\nlines = older.lines\n"
    "[tl.augment]\nblend = older.blend\n[tl.freeze]\nlate = older.late\n",
    "older/__init__.py": "",
    "older/lines.yaml": "# Lines of text from before the wings of tl.\ndefaults: [_common, _self_]\n",
    "older/lines.py": """\
        from typing import Unpack, final

        from tl.data.base import Common, DataSource, Sample, Target, canonical
        from tl.errors import TLError


        @final
        class Lines(DataSource):
            modality = "text"
            kind = "single"

            def __init__(self, **common: Unpack[Common]) -> None:
                super().__init__(common)

            def read(self) -> list[Sample]:
                return [s for i in range(42) for s in self.attempt(lambda i=i: self._sample(i), lambda i=i: ())]

            def _sample(self, i: int) -> Sample:
                if i > 39:
                    raise TLError(f"line {i}: cannot be read")
                target: Target = ("tea", "cake")[i % 2]
                return Sample(f"{i:02d}", f"{target} number {i}", target, f"line {i}", canonical("training"))
        """,
    "older/blend.yaml": "# Says that it mixes samples: an augmentation from before the wings of tl.\n{}\n",
    "older/blend.py": """\
        from typing import final

        from tl.augment.base import Augment
        from tl.batch import Batch


        @final
        class Blend(Augment):
            modality = "text"
            deterministic = True

            @property
            def mixes(self) -> bool:
                return True

            def sample(self, value, preprocess):
                return value

            def batch(self, batch: Batch, space):
                assert batch.answers is None
                return batch
        """,
    "older/late.yaml": "# All parts from the first step: a freeze schedule from before the wings of tl.\n{}\n",
    "older/late.py": """\
        from typing import final

        from tl.freeze.base import FreezeSchedule, Phase, share, top_parts


        @final
        class Late(FreezeSchedule):
            def __init__(self) -> None:
                pass

            def phases(self, parts):
                return (Phase("late", top_parts(parts), share(100)),)
        """,
}
# The public names of the groups' bases, and of what options use, at e58e684.
AT_E58E684 = {
    "tl.data.base": "Picture Raw Target LABELLED Sample Split Common Data DataSource texts_of digest canonical",
    "tl.backbone.base": "Backbone",
    "tl.backbone.chain": "Chain scaled",
    "tl.head.base": "Common Head",
    "tl.adapter.base": "Adapter",
    "tl.freeze.base": "Phase FreezeSchedule backbone_parts top_parts matching share downwards",
    "tl.augment.base": "Augment",
    "tl.optimizer.base": "Common Optimizer with_l1 not_negative pair",
    "tl.method.base": "Method",
    "tl.model": "Model averaged",
    "tl.batch": "Inputs Batch Streams",
    "tl.preprocess": "Modality ImagePreprocess TextPreprocess Preprocess fingerprint to_json from_json",
    "tl.schedule": "Schedule shape slanted_triangular one_cycle",
    "tl.options": "GROUPS RECIPES Option first_line options",
    "tl.signature": "Signature signature dataclass_shape literal",
    "tl.duration": "Duration",
    "tl.weights": "Weights",
    "tl.yamlfile": "shown",
    "tl.space": "Kind Space",
    "tl.functional": "cross_entropy binary_cross_entropy squared_error distillation ridge mean_pool",
    "tl.errors": "TLError Mistakes did_you_mean nearest",
    "tl.metrics": "METRICS Metric metric_names default_metric better statistics evaluate confusion per_class",
    "tl.recipe": "Recipe Node Loop load",
    "tl.run": "Run Listener",
}


def install(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))


def python(folder: Path, *arguments: str) -> str:
    """What Python prints, run in a folder of installed plug-ins."""
    place = {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "TL_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def finetune(folder: Path, *overrides: str) -> str:
    """The metrics of a run of two steps."""
    short = ["loop.length=2step", "loop.log_every=1step", "loop.bootstrap=5", "loop.device=cpu"]
    python(folder, "-m", "tl", "finetune", "base", *short, *overrides)
    (rows,) = folder.glob("runs/base/*/metrics.jsonl")
    return rows.read_text()


def test_plugins_from_before_the_wings_train_with_the_very_classes_of_now(tmp_path: Path) -> None:
    install(tmp_path, FORMER)
    code = """
        import sys
        from tl.commands.assemble import assemble
        from tl.recipe.recipe import load

        recipe = load("base", ["data=tiny_shapes", "data.n=60", "head=plain", "method=half", "loop.device=cpu"])
        assembly = assemble(recipe)
        from tl.components.head.base import Head
        from tl.components.method.base import Method
        import tl.head.base, tl.components.head.base

        assert isinstance(assembly.model.head, Head) and isinstance(assembly.method, Method)
        assert tl.head.base is tl.components.head.base
        assert tl.components.head.base.__spec__.name == "tl.components.head.base"
    """
    python(tmp_path, "-c", dedent(code))
    assert '"half"' in finetune(tmp_path, "data=tiny_shapes", "data.n=60", "head=plain", "method=half")


def test_data_augmentation_and_schedule_from_before_the_wings_use_and_define_members_by_former_names(
    tmp_path: Path,
) -> None:
    install(tmp_path, LISTING)
    chosen = ["data=lines", "data.on_error=skip", "augment=blend", "freeze=late", "backbone=tiny_text"]
    code = f"""
        from tl.commands.assemble import assemble
        from tl.recipe.recipe import load

        assembly = assemble(load("base", [*{chosen}, "loop.device=cpu"]))
        assert sum(map(len, assembly.data.splits.values())) == 40 and len(assembly.data.skipped) == 2
        assert assembly.augment.mixes_samples
    """
    python(tmp_path, "-c", dedent(code))
    assert '"loss"' in finetune(tmp_path, *chosen)


def test_a_data_plugin_from_before_the_wings_is_checked_without_torch(tmp_path: Path) -> None:
    install(tmp_path, LISTING)
    code = """
        import sys
        from tl.recipe.build import build
        from tl.recipe.recipe import load

        print(type(build(load("base", ["data=lines"]).data)).__name__, "torch" in sys.modules)
    """
    assert python(tmp_path, "-c", dedent(code)).split() == ["Lines", "False"]


def test_every_former_name_is_found(tmp_path: Path) -> None:
    code = f"""
        from importlib import import_module
        from tl.recipe.former import find_former_names

        find_former_names()
        known = {AT_E58E684}
        lost = [f"{{m}}.{{n}}" for m in known for n in known[m].split() if not hasattr(import_module(m), n)]
        print(sum(len(names.split()) for names in known.values()), *lost)
    """
    count, *lost = python(tmp_path, "-c", dedent(code)).split()
    assert int(count) == sum(len(names.split()) for names in AT_E58E684.values()) > 50
    assert lost == [], "plug-ins cannot import these any more: name their present names in recipe/former.py"


def test_the_tables_of_former_names_name_what_is_there() -> None:
    def found(place: str, name: str) -> Any:
        return getattr(import_module(place), name)

    for module, names in former._NAMES.items():
        for name in names:
            assert found(*former.present_name(module, name)) is not None
    for owner, members in former._MEMBERS.items():
        for present in members.values():
            assert present in vars(found(*owner.split(":"))), f"{owner} has no {present}: mend recipe/former.py"
