"""A stranger's recipe, weights, table or run: no code of theirs runs, and nothing is written elsewhere.

`tl` reads no archive but a gzip-packed table: a zip or tar is refused with a sentence, so none has members that could
climb out. Cells of predictions.csv that begin with = + - or @ stay as they are: a table is data, and changing them
would be a silent change; open it in a spreadsheet as text.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.report.markup import Reader

from .hostile import FOLDERS, IMAGE, RUNS, SHORT, TEXT, WEIGHTS, bert, odd_files, recipes, tables
from .watched import Seen, watch

# What PyTorch and the environment's description run: each looks, and none is named by data.
HARMLESS = ("'/sbin/ldconfig'", "'git'", "'uname'")
LOADERS = {
    "tiny": ["data=tiny_sentences", "data.n=20", "backbone=tiny_text"],
    "torchvision": ["data=tiny_shapes", "data.n=20", "backbone=mobilenet", "backbone.name=mobilenet_v3_small"],
    "encoder": ["data=tiny_sentences", "data.n=20", "backbone=text_encoder", "backbone.config=none"],
}


@dataclass(frozen=True)
class World:
    """`home` is where commands are run, `strange` the stranger's folder, `victim` what lies elsewhere."""

    home: Path
    strange: Path
    victim: Path

    def watch(self, *commands: list[str]) -> list[Seen]:
        """Run commands; all but their own files must be as before."""
        before = self.elsewhere()
        seen = watch(commands, self.home, self.strange)
        assert self.elsewhere() == before
        assert not list(self.home.parent.rglob("sprung"))
        return seen

    def elsewhere(self) -> dict[str, bytes]:
        places = [self.victim, self.home / "user"]
        files = [file for place in places for file in place.rglob("*")]
        return {str(file): file.read_bytes() if file.is_file() else b"" for file in files}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("world")
    found = World(root / "home", root / "strange", root / "victim")
    for place in (found.home, found.strange, found.victim / "1", found.victim / "ab"):
        place.mkdir(parents=True)
    (found.victim / "file").write_text("precious")
    (found.victim / "1" / "precious").write_text("precious")
    (found.strange / "trap.py").write_text(f"import os\nos.mkdir({str(found.strange / 'sprung')!r})\n")
    (found.strange / "trap.yaml").write_text("_target_: trap.spring\n")
    yield found
    for pipe in found.strange.rglob("*"):
        if pipe.is_fifo():
            pipe.unlink()


def harmless(seen: Seen, world: World, *own: Path) -> None:
    """No socket, no code of the stranger's, no pickle, nothing written outside; a mistake is told in one sentence."""
    assert seen.code in (0, 2, 3), seen.words
    assert "Traceback" not in seen.output
    assert not [word for word in seen.of("ran") if not any(name in word for name in HARMLESS)]
    assert not [*seen.of("socket"), *seen.of("code"), *(w for w in seen.of("unpickled") if "mkdir" in w)]
    roots = [world.home / name for name in ("runs", "cache", "tmp", "out")] + list(own)
    allowed = tuple(os.path.realpath(root) for root in roots)
    assert not [path for path in seen.of("wrote") if path != "/dev/null" and not path.startswith(allowed)]
    assert not [sign for sign in seen.output if sign < " " and sign not in "\n\t"]
    if seen.code == 2:
        assert seen.words
        assert len(seen.words) < 6000
    assert "hunter2" not in seen.output


def test_recipes(world: World) -> None:
    texts = recipes(world.strange)
    places = {name: world.strange / f"{number}.yaml" for number, name in enumerate(texts)}
    for name, text in texts.items():
        places[name].write_text(text)
    places |= odd_files(world.strange)
    commands = [["check", str(file)] for file in places.values()]
    commands += [["finetune", str(file)] for name, file in places.items() if "name" in name]
    for seen in world.watch(*commands):
        harmless(seen, world)
        assert seen.code == 2, seen.command


def test_the_name_of_a_file_names_no_folder_elsewhere(world: World) -> None:
    odd = ["a;$(touch x).yaml", "\x1b[2J.yaml", f"{'ü' * 120}.yaml", "-rf%n{0}.yaml"]
    for name in odd:
        (world.strange / name).write_text("defaults: [base, {data: tiny_sentences}, {backbone: tiny_text}]\n")
    commands = [
        ["finetune", "--runs", "runs", "--", str(world.strange / name), *TEXT, "loop.length=1step"] for name in odd
    ]
    for seen in world.watch(*commands):
        harmless(seen, world)
        assert seen.code == 0, seen.words


def _endings(name: str, loader: str) -> tuple[str, ...]:
    if "pickle" not in name:
        return (".safetensors",)
    return (".pt", ".bin", ".safetensors") if loader == "tiny" else (".bin", ".safetensors")


def test_weights(world: World) -> None:
    commands, bert_ = [], bert(world.strange / "bert")
    for number, (name, content) in enumerate(WEIGHTS.items()):
        for loader, overrides in LOADERS.items():
            for ending in _endings(name, loader):
                file = world.strange / f"{number}{ending}"
                file.write_bytes(content(world.strange))
                if loader == "encoder":
                    folder = shutil.copytree(bert_, world.strange / f"{number}{ending}_bert")
                    (folder / "model.safetensors").unlink()
                    target = "model.safetensors" if ending == ".safetensors" else "pytorch_model.bin"
                    shutil.copy(file, folder / target)
                    file = folder
                command = ["base", *overrides, "loop.device=cpu", f"backbone.weights={file}"]
                commands += [["extract-features", *command, "--to", "out/x.npz"]]
                commands += [["check", *command]] if loader == "tiny" else []
    for seen in world.watch(*commands):
        harmless(seen, world)
        assert seen.code == 2 or seen.command[0] == "check"


def test_transformers_folders(world: World) -> None:
    bert_, commands = bert(world.strange / "good"), []
    for name, change in FOLDERS.items():
        folder = shutil.copytree(bert_, world.strange / name)
        change(folder, world.strange)
        command = ["base", *LOADERS["encoder"], "loop.device=cpu", f"backbone.weights={folder}"]
        commands += [["extract-features", *command, "--to", "out/x.npz"], ["check", *command]]
    found = world.watch(*commands)
    for seen in found:
        harmless(seen, world)
    said = {Path(seen.command[-3].partition("=")[2]).name: seen for seen in found[::2]}
    assert "(auto_map), and that is never run" in said["code for a type of its own"].words
    fine = {name for name, seen in said.items() if seen.code == 0}
    assert fine <= {"code for a known type", "adapter of elsewhere", "kernel of elsewhere"}


def test_tables_and_archives(world: World) -> None:
    commands = []
    for file in tables(world.strange).values():
        columns = ["data=table", f"data.file={file}", "data.text=text", "data.label=label", "backbone=tiny_text"]
        commands += [["check", "base", *columns], ["check", "base", f"data.root={file}"]]
    for seen in world.watch(*commands):
        harmless(seen, world)
        assert seen.code == 2, seen.command
        assert len(seen.words.splitlines()) == 1


@pytest.fixture(scope="module")
def trained(world: World) -> dict[str, Path]:
    """Runs of texts and of pictures."""
    kept = "loop.keep_checkpoints=true"  # some are said to be stopped below
    commands = [["finetune", "base", *each, kept, f"name={name}"] for name, each in (("text", TEXT), ("image", IMAGE))]
    for seen in world.watch(*commands):
        harmless(seen, world)
        assert seen.code == 0, seen.words
    return {path.parent.name: path for path in world.home.glob("runs/*/*") if path.parent.name in ("text", "image")}


VERBS = ("evaluate", "predict", "extract-features", "runs", "show", "check", "replay", "reproduce", "resume")


def of_verb(verb: str, run: Path, image: Path) -> list[str]:
    match verb:
        case "predict":
            return ["predict", str(run), "some words"]
        case "extract-features":
            return ["extract-features", str(run), "--to", "out/x.npz"]
        case "runs":
            return ["runs", str(run.parent)]
        case "resume":
            return ["finetune", "--resume", str(run)]
    return [verb, str(run)]


def strangers(world: World, trained: dict[str, Path], name: str, verb: str) -> Path:
    """A run with one thing wrong; it is said to be stopped where it is gone on with, or a step of it is taken again."""
    run = world.strange / "runs" / f"{name}, {verb}".replace(" ", "_") / "run"
    shutil.copytree(trained["text"], run)
    meta = json.loads((run / "meta.json").read_text())
    status = "stopped" if verb in ("resume", "replay") else "done"
    (run / "meta.json").write_text(json.dumps({**meta, "status": status}))
    (run / "bad_step.json").write_text(json.dumps({"step": 4, "samples": []}))
    RUNS[name](run, world.strange)
    return run


def quick(name: str) -> tuple[str, ...]:
    """The verbs that read what is wrong."""
    if any(word in name for word in ("linked", "checkpoints", "manifest", "rows", "pipe")):
        return ("resume",)
    return ("evaluate",) if name.startswith(("model", "space", "preprocess")) else ("evaluate", "resume", "runs")


def go_through(
    world: World, trained: dict[str, Path], verbs: Callable[[str], tuple[str, ...]]
) -> dict[tuple[str, str], Seen]:
    (world.strange / "trap.pt").write_bytes(WEIGHTS["pickle"](world.strange))
    cases = [(name, verb) for name in RUNS for verb in verbs(name)]
    places = [strangers(world, trained, *case) for case in cases]
    commands = [of_verb(verb, run, run) for (_, verb), run in zip(cases, places, strict=True)]
    found = dict(zip(cases, world.watch(*commands), strict=True))
    for (_, verb), run in zip(cases, places, strict=True):
        if verb == "resume":
            (run / "metrics.jsonl").unlink(missing_ok=True)  # a pipe would stop who reads it
    for case, run in zip(cases, places, strict=True):
        own = [run] if case[1] == "resume" else []
        harmless(found[case], world, *own)
        assert len(found[case].words.splitlines()) <= 3
    return found


def test_run_folders(world: World, trained: dict[str, Path]) -> None:
    found = go_through(world, trained, quick)
    codes = {case: seen.code for case, seen in found.items()}
    assert {code for (_, verb), code in codes.items() if verb == "runs"} == {0}
    for name in RUNS:
        refused = name.startswith(
            ("model", "space of wrong", "space of fewer", "space of a temp", "space that is huge", "preprocessing")
        )
        if refused:
            assert codes[name, "evaluate"] == 2, name
        if "linked" in name or name.startswith(("checkpoints", "manifest", "a pipe")):
            assert codes[name, "resume"] == 2, name


def test_the_cache_removes_nothing_that_is_not_its_own(world: World) -> None:
    from tl.inputs.cache import Cache, key

    own = world.victim / key("own")
    own.mkdir()
    cache = Cache(world.victim, 1)
    assert [entry.folder for entry in cache.entries()] == [own]
    cache.clear()
    assert not own.exists()
    assert (world.victim / "1" / "precious").read_text() == "precious"
    shutil.rmtree(world.victim / "locks")


@pytest.mark.slow
def test_run_folders_with_every_verb(world: World, trained: dict[str, Path]) -> None:
    found = go_through(world, trained, lambda name: tuple(verb for verb in VERBS if verb not in quick(name)))
    assert {verb for _, verb in found} == set(VERBS)
    assert {seen.code for (_, verb), seen in found.items() if verb == "runs"} == {0}


def test_the_report_and_the_terminal_show_names_and_obey_none(world: World) -> None:
    evil = ["<script>alert(1)<", "\"' onload=alert(2) x='", "javascript:alert(3)\x1b]0;owned\x07\x1b[2J", "=1+1[bold]"]
    for name in evil:
        (world.strange / "pictures" / name).mkdir(parents=True)
        for number in range(6):
            file = world.strange / "pictures" / name / f"<svg onload=alert(4)>{number}\x1b[31m.png"
            Image.new("RGB", (40, 40), (40 * number, len(name), 9)).save(file, "PNG")
    data = ["data=image_folder", f"data.root={world.strange / 'pictures'}", "backbone=tiny_image", "name=evil"]
    (seen,) = world.watch(["finetune", "base", *data, *SHORT])
    harmless(seen, world)
    assert seen.code == 0, seen.words
    (run,) = world.home.glob("runs/evil/*")
    page = Reader((run / "report.html").read_text())
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]
    assert all((a["href"] or "").startswith("#") for _, a in page.tags if "href" in a)
    assert all((a["src"] or "").startswith("data:image/") for _, a in page.tags if "src" in a)
    policies = [a["content"] or "" for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert evil[0] in page.text
    cells = (run / "predictions" / "test.csv").read_text()
    assert "=1+1[bold]" in cells
