"""XML of a stranger: elements with their lines, and one sentence for whatever else a file may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tl.components.data.xmlfile import number_in, read_xml
from tl.errors import TLError


def written(folder: Path, content: bytes) -> Path:
    file = folder / "a.xml"
    file.write_bytes(content)
    return file


def test_elements_know_their_lines_and_texts(tmp_path: Path) -> None:
    content = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<a>\n <b>1</b>\n\n <b k="1">K\xe4fer &amp; <c/></b>\n</a>\n'
    root = read_xml(written(tmp_path, content.encode("latin-1")))
    assert (root.name, root.line) == ("a", 2)
    assert [(one.line, one.text) for one in root.all("b")] == [(3, "1"), (5, "Käfer & ")]
    assert root.first("c") is None
    assert read_xml(written(tmp_path, "<a>ü</a>".encode("utf-16"))).text == "ü"


LAUGHS = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    "content, said",
    [
        (LAUGHS, r"a\.xml:1: the file declares a document type or an entity"),
        (LAUGHS.decode().encode("utf-16"), "declares a document type or an entity"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>', "declares a document type"),
        (b'\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', r"a\.xml:2: the file declares"),
        (b"<a>&nothing;</a>", "is no XML"),
        (b"<a>" * 40 + b"</a>" * 40, "more than 32 levels"),
        (b"<a>" + b"<b/>" * 200_001 + b"</a>", "more than 200000 elements"),
        (b"<a>" + b"x" * 70_000 + b"</a>", "a text of more than 65536 letters"),
        (b"<a>\n<b></a>", r"a\.xml:2: the file is no XML \(mismatched tag"),
        (b"", "is no XML"),
        (b"\x00\x01", "is no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "no XML|encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "no XML|encoding"),
        (b"<a/><b/>", "is no XML"),
    ],
)
def test_what_is_no_small_tree_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(TLError, match=said):
        read_xml(written(tmp_path, content))


def test_a_file_is_refused_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    with file.open("wb") as opened:
        opened.truncate(1 << 34)
    with pytest.raises(TLError, match="has 17179869184 bytes"):
        read_xml(file)
    with pytest.raises(TLError, match="there is no such file"):
        read_xml(tmp_path)


@pytest.mark.parametrize("text, number", [(" 12\n", 12), ("-3.5", -3.5), ("1e2", 100), (".5", 0.5)])
def test_numbers(text: str, number: float) -> None:
    assert number_in("a", text) == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "12px", "٣", "1,5", "9" * 400, "0x10", "1e9999"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(TLError, match=r"a:1: '.*' is no number: mend it"):
        number_in("a:1", text)
