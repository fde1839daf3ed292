"""What stands in a report that is passed on: no folder if that is asked, no picture from elsewhere unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tl.cli.printing.augmented import print_augmented
from tl.commands.published import Shown, without_folders
from tl.components.sample import Picture, Sample
from tl.errors import TLError
from tl.recipe.recipe import Recipe, load
from tl.report.blocks import Card, Gallery, Section, Words
from tl.report.facts import DataCard, Facts, Usage

TABLE = ["data=table", "data.image=image", "data.label=label", "backbone=tiny_image"]
FOLDER = ["data=image_folder", "backbone=tiny_image"]


def table(folder: Path, pictures: Path) -> Path:
    """A table that names 24 pictures of two classes in a folder elsewhere, half of them by an absolute path."""
    pictures.mkdir()
    folder.mkdir()
    rows = []
    for i in range(24):
        Image.effect_noise((32, 32), 40 + i).convert("RGB").save(pictures / f"{i}.jpg", comment=b"SECRET")
        place = str(pictures / f"{i}.jpg") if i % 2 else f"../{pictures.name}/{i}.jpg"
        rows.append({"image": place, "label": "ab"[i % 3 % 2]})
    (folder / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "x.jsonl"


def test_a_report_shows_no_folder_and_no_picture_from_elsewhere(
    tmp_path: Path, train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table(tmp_path / "strange", tmp_path / "private")
    short = ["loop.length=2step", "loop.bootstrap=5", "loop.device=cpu", "report.private=true"]
    page = (train(*TABLE, f"data.file={file}", *short) / "report.html").read_text()
    assert "lies outside the data&#x27;s folder" in page
    assert "data:image" not in page
    assert str(tmp_path) not in page
    assert "…/x.jsonl" in page
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TLError, match=r"lie outside the data's folder: report\.elsewhere=true"):
        print_augmented("base", [*TABLE, f"data.file={file}"], tmp_path / "sheet.png", as_json=True)
    assert not (tmp_path / "sheet.png").exists()
    print_augmented("base", [*TABLE, f"data.file={file}", "report.elsewhere=true"], Path("sheet.png"), as_json=True)
    assert (tmp_path / "sheet.png").exists()


def shows(recipe: Recipe, picture: Path) -> bool:
    return Shown(recipe)(Sample("a", picture, "b", "c"))


def test_a_picture_is_of_the_data_where_its_links_end_in_a_folder_that_the_recipe_names(tmp_path: Path) -> None:
    for name in ("own/a", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.png").touch()
    (tmp_path / "own" / "a" / "link.png").symlink_to(tmp_path / "other" / "x.png")
    (tmp_path / "linked").symlink_to(tmp_path / "own")
    inside, outside = tmp_path / "own/a/x.png", tmp_path / "other/x.png"
    folder = load("base", [*FOLDER, f"data.root={tmp_path / 'linked'}"])
    assert shows(folder, inside)
    assert shows(folder, tmp_path / "linked/a/x.png")
    assert not shows(folder, tmp_path / "own/a/link.png")
    assert not shows(folder, tmp_path / "own/a/../../other/x.png")
    assert not shows(folder, tmp_path / "own2/x.png")
    by_table = [*TABLE, f"data.file={tmp_path / 'own' / 'x.csv'}"]
    assert [shows(load("base", by_table), one) for one in (inside, outside)] == [True, False]
    splits = [*TABLE, f"data.files={{train: {tmp_path / 'own' / 'x.csv'}, test: {tmp_path / 'other' / 'x.csv'}}}"]
    assert [shows(load("base", splits), one) for one in (inside, outside)] == [True, True]
    named = [*by_table, f"data.images={tmp_path / 'other'}"]
    assert [shows(load("base", named), one) for one in (inside, outside)] == [True, True]
    assert shows(load("base", [*by_table, "report.elsewhere=true"]), outside)
    assert Shown(folder)(Sample("a", Picture("cell", "key", bytes), "b", "c"))
    assert Shown(folder)(Sample("a", "/a/text", "b", "c"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice smith/my pictures/a b/x.png: cannot be read", "…/my pictures/a b/x.png: cannot be read"),
        (
            "tl finetune r.yaml data.root='/home/alice smith/my pictures'",
            "tl finetune r.yaml data.root='…/my pictures'",
        ),
        ("--runs /srv/bob/runs", "--runs …/runs"),
        ("root: /srv/bob/x\nfile: ~/private/y", "root: …/x\nfile: …/y"),
        ("/home/me", "~"),
        ("/home/me/x", "~/x"),
        ("/home/meadow", "…/meadow"),
        ("see https://example.org/a/b, and/or a/b/c at 3/4/5", "see https://example.org/a/b, and/or a/b/c at 3/4/5"),
    ],
)
def test_no_folder_of_a_path_is_left(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    recipe = load("base", [*FOLDER, "data.root=/home/alice smith/my pictures"])
    facts = Facts(
        title="t",
        skill=text,
        findings=[Section("a", text, text, [Words(text), Gallery([Card(id=text, picture=b"/a/b")])])],
        warnings=[text],
        data=DataCard(source=text, sizes={text: 3}),
        usage=Usage(commands=[(text, "what")], python=text),
        recipe=text,
    )
    found = without_folders(facts, recipe, Path("runs/base/x"))
    assert (found.recipe, found.warnings, found.skill) == (shown, [shown], shown)
    cards = Gallery([Card(id=shown, picture=b"/a/b")])
    assert found.findings == [Section("a", shown, shown, [Words(shown), cards])]
    assert found.data == DataCard(source=shown, sizes={shown: 3})
    assert found.usage == Usage(commands=[(shown, "what")], python=shown)
