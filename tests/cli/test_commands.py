"""The recipe and run verbs, as a user sees them; and the frozen command line of all verbs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from tl.cli.app import app
from tl.commands.doctor import intact, mismatch
from tl.errors import Mistakes, TLError
from tl.recipe.recipe import load
from tl.recipe.registry import GROUPS, options, shipped_recipes

COMMANDS = {
    "finetune": "recipe overrides --resume --processes --find-lr --runs --json",
    "evaluate": "run --split --data --fail-if --predictions --json",
    "predict": "run inputs --batch --top --json",
    "extract-features": "source overrides --to --json",
    "list": "group --json",
    "show": "recipe overrides --plain --augment --to --json",
    "check": "recipe overrides --time --json",
    "copy": "recipe to",
    "explain": "key --json",
    "runs": "folder --json",
    "replay": "run --json",
    "reproduce": "run --runs --json",
    "verify-resume": "recipe overrides --steps --json",
    "cache": "folder --clear --older-than --json",
    "doctor": "--json",
}
Run = Callable[..., str]


@pytest.fixture
def tl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """tl(*arguments) runs a command in an empty folder and gives what it printed; mistakes propagate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return str(result.stdout)

    return run


def outside(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, where mistakes become exit codes."""
    command = [sys.executable, "-m", "tl", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def pictures(root: Path, **counts: int) -> None:
    """Folders of pictures, no two alike, one folder for each class."""
    for i, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (40 * i, number, 9)).save(root / name / f"{number}.png")


def test_the_command_line_is_frozen() -> None:
    group = typer.main.get_command(app)
    found = {
        name: " ".join(p.opts[0] if p.param_type_name == "option" else str(p.name) for p in command.params)
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }
    assert found == COMMANDS


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["chek"], "No such command 'chek'. Did you mean 'check', 'cache'? See"),
        (["check"], "Missing argument 'RECIPE'. See"),
        (["check", "base", "--fast"], "No such option: --fast. See"),
        (["check", "bass"], "There is no recipe 'bass'. Did you mean 'base'?"),
        (["cache", "--older-than", "3"], "--older-than 3 says what to remove: give --clear too."),
        (["runs", "nowhere"], "There is no folder 'nowhere': runs are in ./runs unless"),
        (["check", "base"], "base.yaml:3: data.root has no value: the recipe must give a path."),
    ],
)
def test_the_users_mistakes_end_in_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = outside(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_list_names_every_recipe_and_option(tl: Run) -> None:
    found = json.loads(tl("list", "--json"))
    assert set(found["recipes"]) == set(shipped_recipes())
    assert {group: set(known) for group, known in found["options"].items()} == {g: set(options(g)) for g in GROUPS}
    text = tl("list")
    assert all(name in text for name in (*shipped_recipes(), *GROUPS, *options("backbone")))


def test_list_of_a_group_shows_keys_with_defaults_and_comments(tl: Run) -> None:
    text = tl("list", "freeze")
    assert "probe     30%  how long the head learns alone" in text
    found = json.loads(tl("list", "optimizer", "--json"))
    adamw = next(entry for entry in found["entries"] if entry["name"] == "adamw")
    lr = next(key for key in adamw["keys"] if key["name"] == "optimizer.lr")
    assert (lr["takes"], lr["comment"]) == ("a number", "of the deepest backbone stage")
    assert lr["place"].endswith("recipes/optimizer/_common.yaml:2")
    with pytest.raises(TLError, match=r"'heads' is no group of options\. Did you mean 'head'"):
        tl("list", "heads")


def test_show_gives_the_origin_of_what_is_no_default_and_a_table_of_rates(tl: Run) -> None:
    Path("mine.yaml").write_text("defaults: [base, {data: tiny_shapes}]\noptimizer:\n  stage_factor: 2\n  lr: 0.08\n")
    text = tl("show", "mine.yaml", "freeze.lr_after=0.5")
    lines = [line.rstrip() for line in text.splitlines()]
    assert "  - data: tiny_shapes  # mine.yaml:1" in lines
    assert "  stage_factor: 2  # mine.yaml:3" in lines
    assert "  lr_after: 0.5  # command line" in lines
    assert "  - backbone: tiny_image" in lines
    table = [line.split() for line in lines[lines.index("") + 1 :]]
    assert table[0] == ["probe", "full"]
    assert table[2:] == [
        ["head", "0.8", "0.4"],
        ["backbone.3", "frozen", "0.04"],
        ["backbone.2", "frozen", "0.02"],
        ["backbone.1", "frozen", "0.01"],
        ["backbone.0", "frozen", "0.005"],
    ]


def test_show_as_json_and_plain_can_be_used_again(tl: Run) -> None:
    found = json.loads(tl("show", "base", "data=tiny_shapes", "--json"))
    assert found["parts"] == ["backbone.0", "backbone.1", "backbone.2", "backbone.3", "head"]
    assert [phase["name"] for phase in found["phases"]] == ["probe", "full"]
    assert found["phases"][0]["rates"] == {"head": pytest.approx(1e-3)}
    Path("again.yaml").write_text(tl("show", "base", "data=tiny_shapes", "seed=7", "--plain"))
    assert (
        load("again.yaml").plain()
        == load("base", ["data=tiny_shapes", "seed=7"]).plain()
        == found["recipe"] | {"seed": 7}
    )


def test_show_of_many_phases_is_a_row_for_each(tl: Run) -> None:
    text = tl("show", "base", "data=tiny_shapes", "freeze=gradual", "optimizer.lr=0.08", "optimizer.stage_factor=2")
    rows = [line.split() for line in text.splitlines() if "until" in line]
    assert rows[0] == ["probe", "until", "1ep", "0.8", "frozen"]
    assert rows[2] == ["from", "backbone.2", "until", "3ep", "0.8", "2,", "3", "at", "0.04", "..", "0.08"]
    assert rows[4] == ["full", "until", "100%", "0.8", "0-3", "at", "0.01", "..", "0.08"]


def test_show_augment_writes_a_contact_sheet_and_prints_texts(tl: Run) -> None:
    assert tl("show", "base", "data=tiny_shapes", "augment=image", "--augment", "--to", "sheet.png")
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert min(sheet.size) > 6 * 96
    texts = json.loads(
        tl("show", "base", "data=tiny_sentences", "backbone=tiny_text", "augment=text", "--augment", "--json")
    )
    assert [len(views) for views in texts] == [7] * 6
    assert all(set(view.split()) <= set(text.split()) for text, *views in texts for view in views)


def test_check_counts_samples_and_steps(tl: Run) -> None:
    pictures(Path("photos"), cat=20, dog=20)
    found = json.loads(
        tl("check", "base", "data.root=photos", "loop.batch=7", "loop.length=3ep", "backbone.weights=none", "--json")
    )
    assert found["ok"] is True
    assert found["counts"] == {
        "train": {"cat": 14, "dog": 14},
        "val": {"cat": 3, "dog": 3},
        "test": {"cat": 3, "dog": 3},
    }
    assert (found["forecast"]["steps_per_epoch"], found["forecast"]["steps"]) == (4.0, 12)
    assert found["forecast"]["memory"] is None
    text = tl("check", "base", "data.root=photos")
    assert "samples     28    6     6" in text
    assert text.rstrip().endswith("run it: tl finetune base data.root=photos")


def test_check_knows_the_needs_of_weights_from_their_file(tl: Run) -> None:
    import torch
    from safetensors.torch import save_file

    pictures(Path("photos"), cat=20, dog=20)
    save_file({"a": torch.zeros(256, 1024), "b": torch.zeros(0)}, "weights.safetensors")
    arguments = ["check", "base", "data.root=photos", "backbone.weights=weights.safetensors", "--json"]
    need = json.loads(tl(*arguments))["forecast"]
    assert (need["weights"], need["memory"], need["disk"]) == (2**18, 4.0, 5.0)
    probe = json.loads(tl(*arguments, "freeze=linear_probe"))["forecast"]
    assert (probe["memory"], probe["disk"]) == (1.0, 3.0)
    sgd = json.loads(tl(*arguments, "optimizer=sgd", "loop.ema=0.9"))["forecast"]
    assert (sgd["memory"], sgd["disk"]) == (4.0, 5.0)


def test_check_tells_everything_at_once_in_json_too(tl: Run) -> None:
    pictures(Path("photos"), cat=4, dog=4)
    Path("mine.yaml").write_text(
        dedent(
            """\
            defaults:
              - base
              - backbone: tiny_text
              - augment: text
              - method: dann
              - freeze: surgical
            data:
              root: photos
            freeze:
              train: [bakbone.*]
            loop:
              best: macrof1
            """
        )
    )
    found = json.loads(tl("check", "mine.yaml", "--json", code=2))
    assert found == {
        "ok": False,
        "mistakes": [
            "mine.yaml:10: freeze.train: 'bakbone.*' matches no part: the parts are backbone.0 .. backbone.2, head. "
            "Did you mean 'backbone.*'?",
            "mine.yaml:3: backbone 'tiny_text' takes texts, but the data holds images.",
            "mine.yaml:4: augment 'text' is for texts, but the data holds images.",
            "mine.yaml:12: loop.best: 'macrof1' is no metric for single outputs. Did you mean 'macro_f1'? There is: "
            "accuracy, top5, balanced_accuracy, macro_f1, auroc, mcc, log_loss, brier, ece.",
            "mine.yaml:5: method 'dann' needs a split 'target', but the data has train, val, test.",
        ],
    }


def test_check_goes_on_past_a_recipes_mistakes(tl: Run) -> None:
    overrides = ["optimizer.lr=fast", "data.root=nowhere", "freeze=top_k", "freeze.stages=9", "method=distill"]
    with pytest.raises(Mistakes) as caught:
        tl("check", "base", *overrides, "method.teacher=nothing")
    assert caught.value.mistakes == (
        "command line: optimizer.lr 'fast' is not a number.",
        "command line: freeze.stages: 9 is more than the 4 stages of this backbone.",
        f"command line: method.teacher: there is nothing at '{Path('nothing').absolute()}'.",
        "command line: data.root=nowhere: there is no such folder.",
    )


def test_check_refuses_hub_weights_that_nobody_may_fetch(tl: Run) -> None:
    recipe = ["data=tiny_sentences", "backbone=text_encoder", "backbone.weights=hub:nobody/has-this"]
    with pytest.raises(Mistakes) as caught:
        tl("check", "base", *recipe)
    assert caught.value.mistakes == (
        "command line: backbone.weights: 'hub:nobody/has-this' is not on this machine: set backbone.download=true.",
    )
    assert json.loads(tl("check", "base", *recipe, "backbone.download=true", "--json"))["phases"] == []
    assert "known once the weights are on this machine" in tl("show", "base", *recipe)


def test_check_places_a_mistake_in_the_users_recipe(tl: Run) -> None:
    Path("mine.yaml").write_text("defaults:\n  - base\n  - data: table\n")
    with pytest.raises(Mistakes) as caught:
        tl("check", "mine.yaml")
    assert [text.partition(" ")[0] for text in caught.value.mistakes] == ["mine.yaml:3:"]


def test_check_finds_leaks_and_broken_pictures(tl: Run) -> None:
    pictures(Path("photos/train"), cat=3, dog=3)
    pictures(Path("photos/test"), cat=1, dog=1)
    text = tl("check", "base", "data.root=photos")
    assert "train and test share 2 exact duplicates: photos/train/cat/0.png = photos/test/cat/0.png" in text
    Path("photos/train/dog/0.png").write_bytes(b"no picture")
    with pytest.raises(Mistakes, match=r"photos/train/dog/0\.png: is no picture that can be read"):
        tl("check", "base", "data.root=photos")


def test_check_with_time_measures_and_writes_nothing(tl: Run) -> None:
    found = json.loads(tl("check", "base", "data=tiny_shapes", "data.n=40", "loop.device=cpu", "--time", "--json"))
    assert found["timing"]["weights"] > 100_000
    assert found["timing"]["step"] > 0
    assert found["timing"]["total"] > found["timing"]["step"] * found["forecast"]["steps"]
    assert not list(Path().iterdir())


def test_copy_makes_a_recipe_that_composes_to_the_same_and_is_never_overwritten(tl: Run) -> None:
    tl("copy", "base", "my base.yaml")
    text = Path("my base.yaml").read_text()
    assert "# Run: tl finetune 'my base.yaml'\n" in text
    copied, shipped = (load(name, ["data=tiny_shapes", "name=x"]).plain() for name in ("my base.yaml", "base"))
    assert copied == shipped
    with pytest.raises(TLError, match="is already there and is not overwritten"):
        tl("copy", "base", "my base.yaml")
    with pytest.raises(TLError, match=r"does not end in \.yaml"):
        tl("copy", "base", "mine")
    with pytest.raises(TLError, match=r"There is no shipped recipe 'bass'\. Did you mean 'base'"):
        tl("copy", "bass")
    tl("copy", "quickstart_texts")
    assert "tl finetune quickstart_texts.yaml (" in Path("quickstart_texts.yaml").read_text()


def test_explain_says_what_a_key_is_where_its_default_stands_and_what_it_takes(tl: Run) -> None:
    found = json.loads(tl("explain", "loop.length", "--json"))
    assert found[0].pop("place").endswith("recipes/base.yaml:15")
    assert found == [
        {
            "kind": "key",
            "name": "loop.length",
            "options": [],
            "takes": "a duration such as 500step, 3ep, 10%",
            "default": "10ep",
            "comment": "500step, 3ep",
        }
    ]
    assert "default  must be given" in tl("explain", "method.teacher")
    assert "default  auto " in tl("explain", "loop.precision")
    assert "takes    a mapping with val, test, stratify, seed" in tl("explain", "data.split")
    assert tl("explain", "head.mlp.hidden") == tl("explain", "head.hidden")
    assert tl("explain", "hidden").startswith(tl("explain", "head.hidden"))
    assert "mlp" in tl("explain", "head")
    assert "choose it: '- head: mlp' in defaults, or head=mlp" in tl("explain", "head.mlp")
    with pytest.raises(TLError, match=r"'optimzer\.lr' is no key, option or group\. Did you mean 'optimizer\.lr'"):
        tl("explain", "optimzer.lr")


@pytest.mark.parametrize("group", [*GROUPS, "loop", "seed", "name"])
def test_every_group_and_key_can_be_explained(group: str, tl: Run) -> None:
    found: list[dict[str, Any]] = json.loads(tl("explain", group, "--json"))
    names = [key["name"] for key in found[0]["keys"]]
    for entry in found[0]["entries"]:
        assert f"choose it: '- {group}: {entry['name']}'" in tl("explain", f"{group}.{entry['name']}")
        names += [key["name"] for key in entry["keys"]]
    for name in set(names):
        assert name in tl("explain", name)


def past(path: Path, status: str, value: float) -> None:
    """A run's folder, as far as `tl runs` reads it."""
    (path / "evaluation").mkdir(parents=True)
    best = {"metric": "accuracy", "value": value, "step": 3}
    (path / "meta.json").write_text(json.dumps({"status": status, "best": best, "seconds": 3725.0}))
    (path / "recipe.yaml").write_text("seed: 0\n")
    metrics = {"accuracy": {"value": value / 2, "low": 0.1, "high": 0.9}}
    (path / "evaluation" / "test.json").write_text(json.dumps({"split": "test", "samples": 9, "metrics": metrics}))


def test_runs_are_listed_newest_first(tl: Run) -> None:
    Path("runs").mkdir()
    assert tl("runs") == "No run in runs yet: tl finetune RECIPE makes one.\n"
    past(Path("runs/flowers/2026-01-01_10-00-00"), "done", 0.5)
    past(Path("runs/birds/2026-02-01_10-00-00"), "stopped", 0.25)
    Path("runs/birds/2026-02-01_10-00-00/evaluation/test.json").unlink()
    Path("runs/odd/2025-01-01").mkdir(parents=True)
    Path("runs/odd/2025-01-01/meta.json").write_text("{")
    Path("runs/odd/2025-01-01/recipe.yaml").write_text("{")
    found = json.loads(tl("runs", "--json"))
    assert [(run["recipe"], run["status"], run["best"], run["test"]) for run in found] == [
        ("birds", "stopped", 0.25, None),
        ("flowers", "done", 0.5, 0.25),
        ("odd", "unreadable", None, None),
    ]
    rows = [line.split() for line in tl("runs").splitlines()]
    assert rows[2] == ["runs/flowers/2026-01-01_10-00-00", "done", "accuracy", "0.500", "0.250", "1:02:05"]
    assert json.loads(tl("runs", "runs/flowers", "--json"))[0]["recipe"] == "flowers"


def test_doctor_looks_at_everything(tl: Run) -> None:
    found = json.loads(tl("doctor", "--json"))
    assert found["ok"] is True
    seen = {finding["what"] for finding in found["findings"]}
    assert {"python", "torch", "device", "disk", "hub cache", "shipped files", "extra parquet"} <= seen


def test_a_torchvision_of_another_build_is_named_in_one_sentence() -> None:
    text = mismatch("2.0.0+cpu", "operator torchvision::nms does not exist")
    assert "torch 2.0.0+cpu is installed (operator torchvision::nms does not exist): install the two together" in text
    assert text.count(". ") == 0


def test_a_damaged_file_is_not_intact(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    file = tmp_path / "x.safetensors"
    whole = save({"a": torch.zeros(5), "b": torch.ones(2, 3)})
    for content, expected in (
        (whole, True),
        (whole[:-1], False),
        (whole + b"x", False),
        (whole[:20], False),
        (b"", False),
    ):
        file.write_bytes(content)
        assert intact(file) is expected
    (tmp_path / "x.json").write_text('{"a": 1')
    assert not intact(tmp_path / "x.json")
