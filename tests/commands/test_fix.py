"""`tl check --fix`: the file says what was meant, and nothing else of it changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from textwrap import dedent

import pytest

from tl.commands.fix import fix
from tl.errors import TLError
from tl.recipe.recipe import load, read_recipe

HEAD = "defaults:\n  - base\n  - data: tiny_shapes\n"


def fixed(folder: Path, text: str) -> str:
    """The text after the fixes, which hold: the recipe has no mistake with a fix any more."""
    file = folder / "mine.yaml"
    file.write_bytes(text.encode())
    found = fix(str(file), [])
    assert (found.before, found.after) == (text, file.read_bytes().decode())
    assert not any(mistake.fix for mistake in read_recipe(str(file), []).mistakes)
    return found.after


@pytest.mark.parametrize(
    "wrong, right",
    [
        ("epochs: 5  # of ours\n", "loop:\n  length: 5ep  # of ours\n"),
        ("loop:\n  epochs: 5  # of ours\n", "loop:\n  length: 5ep  # of ours\n"),
        ("loop: {epochs: 5, batch_size: 8}\n", "loop: {length: 5ep, batch: 8}\n"),
        ("lr: 1e-3\noptimizer:\n    eps: 1e-8\n", "optimizer:\n    lr: 0.001\n    eps: 1e-8\n"),
        ("lr: 1e-3 # high\noptimizer: {eps: 1e-8}\n", "# high\noptimizer: {lr: 0.001, eps: 1e-8}\n"),
        ("optimizer.lr: 1e-3\n", "optimizer:\n  lr: 0.001\n"),
        ("random_seed: 3\n", "seed: 3\n"),
        ("optimizer:\n  wieght_decay: 0.1  # small\n", "optimizer:\n  weight_decay: 0.1  # small\n"),
        ("loop:\n  log_every: 10 steps\n", "loop:\n  log_every: 10step\n"),
        ("loop:\n  precision: BF16\n", "loop:\n  precision: bf16\n"),
        ("loop:\n  compile: 'no'\n", "loop:\n  compile: false\n"),
        ("loop:\n  batch: '8'\n", "loop:\n  batch: 8\n"),
        ("data:\n  classes: [no, 01, 12:30, 1e5]  # as they are\n",
         "data:\n  classes: ['no', '01', '12:30', '1e5']  # as they are\n"),
        ("loop:\n  batch:8  # small\n", "loop:\n  batch: 8  # small\n"),
        ("loop:\n  batch:8\n  length:3ep\n", "loop:\n  batch: 8\n  length: 3ep\n"),
        ("loop:\n\tbatch: 8\n", "loop:\n  batch: 8\n"),
        ("loop:\r\n  log_every: 10 steps\r\n", "loop:\r\n  log_every: 10step\r\n"),
    ],
)  # fmt: skip
def test_what_is_certain_is_written_and_all_else_stays(wrong: str, right: str, tmp_path: Path) -> None:
    assert fixed(tmp_path, HEAD + wrong) == HEAD + right


def test_a_mistake_has_the_column_of_its_key_or_of_its_value(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{HEAD}loop: {{batch: 0}}\nhead:\n    bais: 1\n    init:\n      - auto\n")
    found = {mistake.key: mistake.column for mistake in read_recipe(str(file), ["seed=x"]).mistakes}
    assert found == {"loop.batch": 15, "head.bais": 5, "head.init": 5, "seed": None}


def test_a_word_with_a_colon_is_no_setting(tmp_path: Path) -> None:
    for text in ("loop: http://x\n", "loop: fast\n", "loop: other:8\n"):
        assert fixed(tmp_path, HEAD + text) == HEAD + text


def test_the_choice_of_options_is_fixed_in_defaults(tmp_path: Path) -> None:
    text = "defaults:\n  - bass  # all\n  - data: tiny_shape\n\nhead: mlp\nseed: 1\n"
    assert fixed(tmp_path, text) == "defaults:\n  - base  # all\n  - data: tiny_shapes\n  - head: mlp\n\nseed: 1\n"
    assert load(str(tmp_path / "mine.yaml")).head.option == "mlp"
    assert fixed(tmp_path, "defaults: base\nseed: 1\n").startswith("defaults: [base]\n")
    assert fixed(tmp_path, "defaults:\n  - data: tiny_shapes\n") == "defaults:\n  - base\n  - data: tiny_shapes\n"


@pytest.mark.parametrize(
    "text",
    [
        "epochs: 5\nloop:\n  length: 3ep\n",  # which of the two is meant?
        "seed: 1\nrandom_seed: 2\n",
        "gradient_accumulation_steps: 4\n",
        "loop:\n  length: 10\n",  # steps or epochs?
        "loop:\n  trackers: [wndb_or_so]\n",
        "optimizer:\n  zzz: 1\n",
    ],
)
def test_what_is_not_certain_stays(text: str, tmp_path: Path) -> None:
    assert fixed(tmp_path, HEAD + text) == HEAD + text


def test_only_a_file_of_the_users_own_is_changed(tmp_path: Path) -> None:
    with pytest.raises(TLError, match="is a shipped recipe, which stays as it is"):
        fix("tiny_images", [])
    other = tmp_path / "shared.yaml"
    other.write_text(HEAD + "epochs: 5\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text("defaults:\n  - shared.yaml\nbatch_size: 8\n")
    fix(str(mine), [])
    assert other.read_text() == HEAD + "epochs: 5\n"
    assert mine.read_text() == "defaults:\n  - shared.yaml\nloop:\n  batch: 8\n"


def test_a_link_and_the_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text(dedent(HEAD + "epochs: 5\n"))
    real.chmod(0o640)
    link.symlink_to(real)
    fix(str(link), [])
    assert link.is_symlink()
    assert "length: 5ep" in real.read_text()
    assert stat.S_IMODE(os.stat(real).st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "real.yaml"]


def test_a_file_in_another_encoding_is_saved_as_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + "name: größe\nepochs: 5\n", encoding="utf-16")
    fix(str(file), [])
    assert file.read_text(encoding="utf-8") == HEAD + "name: größe\nloop:\n  length: 5ep\n"
