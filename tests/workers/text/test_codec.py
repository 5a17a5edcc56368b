import codecs
import json
import subprocess
import sys

import pytest

from filewarden.workers.text.codec import KNOWN, decode, decode_begun, decoder_of, encode

NAMES = sorted(KNOWN)
ONE_BYTE = [name for name in NAMES if name in ("ascii", "latin-1") or name.startswith(("cp12", "iso", "koi", "mac"))]
ONE_BYTE += ["cp437", "cp850", "cp852", "cp855", "cp866", "cp874"]
TEXT = "aZ\n"
SAMPLES = {"big5": "繁體", "cp932": "日本", "cp949": "한국", "euc-jp": "日本", "gb18030": "简体", "shift-jis": "日本"}
IMPORTED = """
import json, sys
from filewarden.workers.text.codec import KNOWN, decode, decode_begun, encode
before = set(sys.modules)
for name in KNOWN:
    data = encode("a", name)
    decode(data, name), decode_begun(data, name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("name", ONE_BYTE)
def test_every_byte_is_read_and_written_as_by_python(name: str) -> None:
    for byte in range(256):
        data = bytes((byte,))
        try:
            character = data.decode(name)
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                decode(data, name)
            continue
        assert decode(data, name) == character
        assert decode_begun(data, name) == (character, 0)
        assert encode(character, name) == character.encode(name) == data


@pytest.mark.parametrize("name", ONE_BYTE)
def test_no_other_character_is_written(name: str) -> None:
    for point in (*range(0x80, 0x3000), 0xFFFD, 0xFFFE, 0x1F600):
        try:
            data = chr(point).encode(name)
        except UnicodeEncodeError:
            with pytest.raises(UnicodeEncodeError) as refused:
                encode("a" + chr(point), name)
            assert refused.value.start == 1
        else:
            assert encode(chr(point), name) == data


@pytest.mark.parametrize("name", sorted(KNOWN - set(ONE_BYTE)))
def test_characters_of_several_bytes_are_read_and_written_as_by_python(name: str) -> None:
    text = TEXT + SAMPLES.get(name, "é日本😀")
    data = text.encode(name)
    assert encode(text, name) == data
    assert decode(data, name) == text
    with pytest.raises(UnicodeDecodeError):
        decode(data[:-1], name)


@pytest.mark.parametrize("name", sorted(KNOWN - set(ONE_BYTE) - {"utf-16", "utf-32"}))
def test_a_text_may_end_inside_a_character(name: str) -> None:
    text = TEXT + SAMPLES.get(name, "日本")
    data = text.encode(name)
    python = codecs.getincrementaldecoder(name)()
    read, unused = decode_begun(data[:-1], name)
    assert read == python.decode(data[:-1])
    assert unused == len(python.getstate()[0]) > 0
    decoder = decoder_of(name)
    assert "".join(decoder.decode(data[at : at + 1]) for at in range(len(data))) == text
    decoder.decode(b"", True)


def test_nothing_is_imported_for_a_name() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTED], capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(done.stdout) == []
