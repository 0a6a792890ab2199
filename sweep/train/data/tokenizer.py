"""Bytes, or byte-level BPE by the `tokenizers` library.

Every document is followed by one end id: 0 for bytes (a text has no NUL), `<|endoftext|>` for BPE. The end counts as
one byte of text, so that a byte tokenizer has exactly one byte a token and bits/byte mean the same for all tokenizers.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from sweep.errors import InputError

END = "<|endoftext|>"
ENDS = (END, "<|end_of_text|>", "</s>", "<eos>")  # accepted in a loaded tokenizer, first found
FILE = "tokenizer.json"
PROBE = "\ue000"  # a character of private use, in no vocabulary


@dataclass(frozen=True)
class Byte:
    """UTF-8 bytes as ids 0 to 255."""

    vocab: ClassVar[int] = 256
    end: ClassVar[int] = 0
    hash: ClassVar[str] = "byte"

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """uint8 ids of each text, without the end."""
        return [np.frombuffer(text.encode(), np.uint8) for text in texts]

    def unknown(self, texts: list[str], encoded: list[np.ndarray]) -> int:
        """Bytes know every text."""
        return 0

    def decode(self, ids: np.ndarray) -> str:
        """Text of ids; a character cut in two shows as a replacement mark."""
        return ids.astype(np.uint8).tobytes().decode(errors="replace")

    def save(self, folder: Path) -> None:
        """Nothing to save."""


@dataclass(frozen=True)
class Bpe:
    """A `tokenizers` tokenizer."""

    model: tokenizers.Tokenizer
    end: int
    unk: int | None = None  # what it writes for text that it does not know
    drops: bool = False  # it writes nothing for such text

    @property
    def vocab(self) -> int:
        """Largest id + 1."""
        return max(self.model.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def hash(self) -> str:
        """Twelve hex digits of its content."""
        return sha256(self.model.to_str().encode()).hexdigest()[:12]

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """uint32 ids of each text, without the end."""
        encoded = self.model.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(e.ids, np.uint32) for e in encoded]

    def unknown(self, texts: list[str], encoded: list[np.ndarray]) -> int:
        """UTF-8 bytes of `texts`, of which `encoded` are the ids, that became the unknown token or no token at all."""
        if self.unk is None and not self.drops:
            return 0
        doubtful = [text for text, ids in zip(texts, encoded, strict=True) if self.drops or self.unk in ids]
        spans = self.model.encode_batch(doubtful, add_special_tokens=False) if doubtful else []  # slower: with offsets
        return sum(self.lost(text, found) for text, found in zip(doubtful, spans, strict=True))

    def lost(self, text: str, found: tokenizers.Encoding) -> int:
        """Bytes of one text under unknown tokens, and where it drops text, of all but white space under no token."""
        marks = zip(found.ids, found.offsets, strict=True)
        unknown = sum(len(text[start:end].encode()) for id, (start, end) in marks if id == self.unk)
        if not self.drops:
            return unknown
        known, at = [], 0
        for start, end in found.offsets:
            known.append(text[at:start])
            at = max(at, end)
        return unknown + len("".join("".join([*known, text[at:]]).split()).encode())

    def decode(self, ids: np.ndarray) -> str:
        """Text of ids."""
        return self.model.decode(ids.tolist(), skip_special_tokens=False)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, which `--tokenizer PATH` loads."""
        self.model.save(str(folder / FILE))


Tokenizer = Byte | Bpe


def vocab_of(spec: str) -> int | None:
    """N of `bpe:N`, None of any other spec. Raises InputError where N is no vocabulary size."""
    if not spec.startswith("bpe:"):
        return None
    size = spec.removeprefix("bpe:")
    if not size.isdigit() or int(size) < 257:
        raise InputError(f"tokenizer {spec!r}: write bpe:N with N at least 257 (256 bytes and the end), as in bpe:8192")
    return int(size)


def load(spec: str) -> Tokenizer:
    """The tokenizer of `byte` or of the path of a tokenizer.json (or of a folder that holds one).

    Raises:
        InputError: no such file, not a tokenizer, or one without an end-of-text token.
    """
    if spec == "byte":
        return Byte()
    path = Path(spec, FILE) if Path(spec).is_dir() else Path(spec)
    if not path.is_file():
        raise InputError(f"tokenizer {spec!r}: neither byte, bpe:N nor the path of a tokenizer.json")
    try:
        model = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for a file that it cannot read
        raise InputError(f"tokenizer {path}: not a tokenizer.json: {str(error).splitlines()[0]}") from error
    model.no_padding()
    model.no_truncation()
    return finished(model, str(path))


def train(vocab: int, texts: Iterable[str]) -> Bpe:
    """A byte-level BPE of at most `vocab` ids (fewer where the text has fewer merges); lossless, no normalisation."""
    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    model.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(texts, trainer)
    return finished(model, f"bpe:{vocab}")


def finished(model: tokenizers.Tokenizer, where: str) -> Bpe:
    """`model` with its end token found, and with special tokens spelled out in a text read as plain text."""
    ids = [i for token in ENDS if (i := model.token_to_id(token)) is not None]
    if not ids:
        raise InputError(f"tokenizer {where}: no end-of-text token; it needs one of {', '.join(ENDS)}")
    model.encode_special_tokens = True
    unk = unknown_id(model)
    return Bpe(model, ids[0], unk, unk is None and not len(model.encode(PROBE, add_special_tokens=False).ids))


def unknown_id(model: tokenizers.Tokenizer) -> int | None:
    """The id of the token for what a tokenizer does not know, or None where it has none."""
    inner = json.loads(model.to_str())["model"]
    unk = inner.get("unk_id", inner.get("unk_token"))
    return model.token_to_id(unk) if isinstance(unk, str) else unk
