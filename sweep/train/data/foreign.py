"""What a file is that holds no text in UTF-8, by its first bytes, and what to do with it."""

from sweep.train.data.inputs import File
from sweep.train.data.packed import PACKINGS

HEAD = 512  # bytes that are looked at
TAR = slice(257, 262)  # where a tar archive says what it is
KINDS = {  # first bytes -> what the file is, what to do
    b"PK\x03\x04": "a ZIP archive; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"%PDF-": "a PDF; write its text to a file",
    b"PAR1": "a Parquet file; name it .parquet",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"SQLite format": "a database; write its text as .jsonl",
    b"\xff\xfe": "text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8",
}


def foreign(file: File) -> str:
    """What a file is in spite of its name, and what to do; empty where nothing is known. Raises as reading does."""
    with file.open() as stream:
        head = stream.read(HEAD)
    if head[TAR] == b"ustar":
        return "a tar archive; unpack it first"
    if known := next((what for start, what in KINDS.items() if head.startswith(start)), ""):
        return known
    for ending, packing in PACKINGS.items():
        if head.startswith(packing.magic):
            if file.packing:
                return "packed twice; unpack it once"
            return f"packed with {packing.name}; give its name the ending {ending}"
    return ""
