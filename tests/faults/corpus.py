"""Malformed inputs, each made anew, with the overrides that use it."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

Make = Callable[[Path], list[str]]
LOOP = ["loop.length=2step", "loop.batch=4", "loop.device=cpu", "loop.bootstrap=5", "cache.use=never"]
IMAGE = ["data=image_folder", "backbone=tiny_image", *LOOP]
TEXT = ["data=table", "data.text=text", "data.label=label", "backbone=tiny_text", *LOOP]
CASES: dict[str, Make] = {}


def case(name: str) -> Callable[[Make], Make]:
    """Put a maker of files into the corpus; it gives the overrides that use them."""

    def put(make: Make) -> Make:
        CASES[name] = make
        return make

    return put


def folder(root: Path, count: int = 8) -> list[str]:
    """Two classes of pictures that can be read."""
    for tone, name in ((40, "a"), (200, "b")):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture(tone, number).save(root / name / f"{number}.png")
    return [*IMAGE, f"data.root={root}"]


def picture(tone: int = 40, number: int = 0, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, (tone, 9 * number % 256, 60)).convert(mode)


def content(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def odd(name: str, file: str, data: Callable[[], bytes]) -> None:
    """A case of one odd file in class a."""

    def make(root: Path) -> list[str]:
        found = folder(root)
        (root / "a" / file).write_bytes(data())
        return found

    CASES[name] = make


def bomb() -> bytes:
    """A PNG of 400 million pixels in a few kilobytes."""
    side = 20000

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * ((side // 8 + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def animated(kind: str) -> bytes:
    frames = [picture(40 * n, n) for n in range(3)]
    return content(frames[0], kind, save_all=True, append_images=frames[1:])


JPEG = content(picture(size=(300, 200)), "JPEG")
odd("truncated JPEG", "x.jpg", lambda: JPEG[: len(JPEG) // 2])
odd("truncated PNG", "x.png", lambda: content(picture())[:60])
odd("JPEG cut in its header", "x.jpg", lambda: JPEG[:20])
odd("empty picture file", "x.png", lambda: b"")
odd("text named .jpg", "x.jpg", lambda: b"no picture at all")
odd("web page named .png", "x.png", lambda: b"<!doctype html><title>404</title>")
odd("PNG named .jpg", "x.jpg", lambda: content(picture()))
odd("JPEG named .png", "x.png", lambda: JPEG)
odd("palette", "x.png", lambda: content(picture(mode="P")))
odd("palette with transparency", "x.gif", lambda: content(picture(mode="P"), "GIF", transparency=0))
odd("CMYK JPEG", "x.jpg", lambda: content(picture(mode="CMYK"), "JPEG"))
odd("grey JPEG", "x.jpg", lambda: content(picture(mode="L"), "JPEG"))
odd("16-bit grey PNG", "x.png", lambda: content(Image.new("I;16", (30, 30), 40000)))
odd("16-bit TIFF", "x.tif", lambda: content(Image.new("I;16", (30, 30), 40000), "TIFF"))
odd("float TIFF", "x.tif", lambda: content(Image.new("F", (30, 30), 0.5), "TIFF"))
odd("one bit a pixel", "x.png", lambda: content(picture(mode="1")))
odd("grey with alpha", "x.png", lambda: content(picture(mode="LA")))
odd("alpha", "x.png", lambda: content(picture(mode="RGBA")))
odd("Lab TIFF", "x.tif", lambda: content(Image.new("LAB", (30, 30)), "TIFF"))
odd("animated GIF", "x.gif", lambda: animated("GIF"))
odd("animated WebP", "x.webp", lambda: animated("WEBP"))
odd("animated PNG", "x.png", lambda: animated("PNG"))
odd("TIFF of several pages", "x.tiff", lambda: animated("TIFF"))
odd("decompression bomb", "x.png", bomb)
odd("one pixel", "x.png", lambda: content(picture(size=(1, 1))))
odd("3000 by 1 pixels", "x.png", lambda: content(picture(size=(3000, 1))))
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
odd("EXIF rotated", "x.jpg", lambda: content(picture(), "JPEG", exif=TURNED))
odd("broken EXIF", "x.jpg", lambda: content(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\1"))
odd("BMP", "x.bmp", lambda: content(picture(), "BMP"))
odd("vector graphics", "x.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>")
odd("HEIC by name", "x.heic", lambda: b"\0\0\0\x18ftypheic")
odd("name in Unicode", "größe 漢字 🙂.png", lambda: content(picture()))
odd("name with a line break", "x\ny.png", lambda: content(picture()))
odd("name with quotes and markup", "x'\"[red]<b>.png", lambda: content(picture()))
odd("garbage after the picture", "x.png", lambda: content(picture()) + os.urandom(500))
odd("changed byte in the pixels", "x.png", lambda: content(picture())[:50] + b"\xff" + content(picture())[51:])


@case("name that is no Unicode")
def _(root: Path) -> list[str]:
    found = folder(root)
    with open(os.fsencode(root / "a") + b"/x\xff.png", "wb") as file:
        file.write(content(picture()))
    return found


@case("folders linked in a loop")
def _(root: Path) -> list[str]:
    found = folder(root)
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    return found


@case("link to nowhere")
def _(root: Path) -> list[str]:
    found = folder(root)
    (root / "a" / "x.png").symlink_to(root / "nowhere.png")
    return found


@case("folder named like a picture")
def _(root: Path) -> list[str]:
    found = folder(root)
    (root / "a" / "x.png").mkdir()
    return found


@case("empty class folder")
def _(root: Path) -> list[str]:
    found = folder(root)
    (root / "c").mkdir()
    return found


@case("one class")
def _(root: Path) -> list[str]:
    (root / "a").mkdir()
    for number in range(8):
        picture(number=number).save(root / "a" / f"{number}.png")
    return [*IMAGE, f"data.root={root}"]


@case("one picture a class")
def _(root: Path) -> list[str]:
    return folder(root, 1)


@case("fewer pictures than a batch")
def _(root: Path) -> list[str]:
    return [*folder(root, 4), "loop.batch=64"]


@case("class of val that train lacks")
def _(root: Path) -> list[str]:
    folder(root / "train")
    folder(root / "val")
    (root / "val" / "b").rename(root / "val" / "c")
    return [*IMAGE, f"data.root={root}"]


@case("picture beside the class folders")
def _(root: Path) -> list[str]:
    found = folder(root)
    picture().save(root / "loose.png")
    return found


@case("hidden files of two systems")
def _(root: Path) -> list[str]:
    found = folder(root)
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (root / "a" / name).write_bytes(b"\0\5\x16\7")
    return found


@case("no folder")
def _(root: Path) -> list[str]:
    return [*IMAGE, f"data.root={root / 'nowhere'}"]


@case("empty folder")
def _(root: Path) -> list[str]:
    return [*IMAGE, f"data.root={root}"]


def table(name: str, data: Callable[[], bytes] | bytes, file: str = "x.csv", *overrides: str) -> None:
    """A case of one table file."""

    def make(root: Path) -> list[str]:
        (root / file).write_bytes(data if isinstance(data, bytes) else data())
        return [*TEXT, f"data.file={root / file}", *overrides]

    CASES[name] = make


def rows(count: int = 24) -> list[list[str]]:
    return [["text", "label"], *([f"some words {n}", "ab"[n % 2]] for n in range(count))]


def made(lines: list[list[str]], **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **options).writerows(lines)
    return text.getvalue()


def with_row(*cells: str) -> bytes:
    return made([*rows(), [*cells]]).encode()


def numbers(last: str) -> bytes:
    return made([["text", "label"], *([f"w {n}", str(n)] for n in range(20)), ["w", last]]).encode()


def objects(**last: Any) -> bytes:
    """Lines of JSON, of which the last one is odd."""
    common = [{"text": f"some words {n}", "label": "ab"[n % 2]} for n in range(24)]
    return "".join(json.dumps(one) + "\n" for one in (*common, last)).encode()


NUMBERS = ("data.label=null", "data.numbers=[label]")
table("NUL bytes in a text", with_row("some\0words", "a"))
table("Latin-1", made([*rows(), ["größe", "a"]]).encode("latin-1"))
table("UTF-16", made(rows()).encode("utf-16"))
table("UTF-8 with a byte-order mark", made(rows()).encode("utf-8-sig"))
table("broken quoting", made(rows()).encode() + b'"never closed,a\nmore,b\n')
table("quote within a cell", made(rows()).encode() + b'say "hello" now,a\n')
table("row with a cell too many", made(rows()).encode() + b"one,a,two\n")
table("row with a cell too few", made(rows()).encode() + b"one\n")
table("no such column", made([["words", "label"], *rows()[1:]]).encode())
table("column twice", made([["text", "text"], *rows()[1:]]).encode())
table("empty table file", b"")
table("header alone", b"text,label\n")
table("no header", made(rows()[1:]).encode())
table("empty text", with_row("", "a"))
table("text of blanks", with_row("   ", "a"))
table("no label", with_row("words", ""))
table("one class of texts", made([["text", "label"], *([f"w {n}", "a"] for n in range(20))]).encode())
table("a class with one text", with_row("words", "c"))
table("text of a million letters", with_row("word " * 200_000, "a"))
table("10 000 classes", made([["text", "label"], *([f"w {n}", f"c{n % 10000}"] for n in range(12000))]).encode())
table("control characters", with_row("\x01\x02\x1b[31m\x7f", "a"))
table("right to left, combining, emoji", with_row("שלום é 👩‍👩‍👧 ‮abc", "a"))
table("markup in texts and labels", made([*rows(), *([f"<script>{n}", "<b>[red]"] for n in range(8))]).encode())
table("mixed line ends", made(rows()).replace("\r\n", "\n", 5).replace("\r\n", "\r", 5).encode())
table("semicolons", made(rows(), delimiter=";").encode())
table("tabs named .csv", made(rows(), delimiter="\t").encode())
table("picture named .csv", JPEG)
table("archive named .csv", zlib.compress(b"text,label\n" * 50))
table("numbers that are words", made(rows()).encode(), "x.csv", *NUMBERS)
table("number nan", numbers("nan"), "x.csv", *NUMBERS)
table("number infinite", numbers("inf"), "x.csv", *NUMBERS)
table("number missing", numbers(""), "x.csv", *NUMBERS)
table("all numbers equal", made([["text", "label"], *([f"w {n}", "3"] for n in range(20))]).encode(), "x.csv", *NUMBERS)
table("broken line of JSON", b'{"text": "a", "label": "a"}\n{"text": "b", \n', "x.jsonl")
table("JSON that is no object", b'["a", "b"]\n' * 20, "x.jsonl")
table("half a surrogate pair", objects(text="words \ud83d", label="a"), "x.jsonl")
table("label that is a list", objects(text="words", label=["a", "b"]), "x.jsonl")
table("text that is an object", objects(text={"x": 1}, label="a"), "x.jsonl")
table("broken Parquet", b"PAR1" + b"\0" * 100, "x.parquet")
table("unknown kind of file", made(rows()).encode(), "x.dat")


@case("labels that are numbers in train and words in val")
def _(root: Path) -> list[str]:
    (root / "t.csv").write_text(made([["text", "label"], *([f"w {n}", str(n % 2)] for n in range(20))]))
    (root / "v.csv").write_text(made([["text", "label"], *([f"w {n}", ("no", "yes")[n % 2]] for n in range(8))]))
    return [*TEXT, f"data.files={{train: {root}/t.csv, val: {root}/v.csv}}"]


@case("labels 1 and 1.0")
def _(root: Path) -> list[str]:
    (root / "t.csv").write_text(made([["text", "label"], *([f"w {n}", str(n % 2)] for n in range(20))]))
    (root / "v.csv").write_text(made([["text", "label"], *([f"w {n}", f"{n % 2}.0"] for n in range(8))]))
    return [*TEXT, f"data.files={{train: {root}/t.csv, val: {root}/v.csv}}"]


@case("id twice")
def _(root: Path) -> list[str]:
    (root / "x.csv").write_text(made([["id", *rows()[0]], *(["same", *row] for row in rows()[1:])]))
    return [*TEXT, f"data.file={root}/x.csv", "data.id=id"]


@case("folder instead of a table")
def _(root: Path) -> list[str]:
    return [*TEXT, f"data.file={root}"]
