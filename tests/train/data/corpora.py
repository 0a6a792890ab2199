"""Small corpora for tests, written by other tools than those that read them where there are such tools."""

import bz2
import gzip
import io
import json
import lzma
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.train.data import sources
from sweep.train.data.account import Account

ROOT = Path(__file__).parents[2]
MIXED = ROOT / "train" / "data" / "corpus_mixed"


def zstd(data: bytes) -> bytes:
    """One frame of zstd, streamed: its size is not in its header."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


def parquet(**columns: object) -> bytes:
    """A Parquet file of these columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def jsonl(texts: list[str], field: str = "text") -> bytes:
    """One object a line."""
    return "".join(json.dumps({"id": i, field: text}) + "\n" for i, text in enumerate(texts)).encode()


def read(*paths: Path | str, field: str = "text") -> tuple[dict[str, str], Account]:
    """Texts by name, and the account."""
    account = Account()
    return {d.name: d.text for d in sources.documents(map(str, paths), account, field)}, account


def lost(account: Account) -> tuple[Counter[str], dict[str, str]]:
    """Texts left out by reason, and files left out with their reasons."""
    return account.texts, {file.file: file.reason for file in account.files}
