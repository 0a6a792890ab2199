"""Which documents are used and which are held out: the first of two passes over the text.

Both depend on a hash of a document's name alone, so the split survives more text, another tokenizer, another machine.
"""

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from sweep.errors import InputError
from sweep.train.data import sources
from sweep.train.data.account import Account, LeftOut, listed
from sweep.train.data.sources import Document

SAMPLE_BYTES = 16 << 20  # of training documents, for a BPE

Progress = Callable[[str, int, int], None]  # stage, bytes done, bytes in all (0: not known)


def silent(stage: str, done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Selection:
    """Which documents are used and which of these are held out."""

    digest: str  # of every document's name and text, in order
    used_to: float  # largest rank of a used document
    held_to: float  # largest rank of a held-out document
    bytes: int  # used, without ends
    skipped: dict[str, int]  # texts left out, by reason
    left_out: tuple[LeftOut, ...] = ()
    cards: tuple[LeftOut, ...] = ()
    field: str = sources.TEXT_FIELD

    def used(self, name: str) -> bool:
        """Whether the document of that name is within max_bytes."""
        return rank(name, "used") <= self.used_to

    def held_out(self, name: str) -> bool:
        """Whether it is in the held-out split."""
        return rank(name, "held out") <= self.held_to


def rank(name: str, purpose: str) -> float:
    """A number in [0, 1) from the hash of a name."""
    return int.from_bytes(blake2b(encoded(f"{purpose}\0{name}"), digest_size=6).digest()) / 2**48


def encoded(name: str) -> bytes:
    """The bytes of a name, also of a file's that is not UTF-8."""
    return name.encode(errors="surrogateescape")


def select(
    paths: list[str],
    val_fraction: float,
    max_bytes: int,
    progress: Progress = silent,
    *,
    field: str = sources.TEXT_FIELD,
    allow_skips: bool = False,
) -> Selection:
    """Read every document once and decide.

    Raises:
        InputError: no text, or none to hold out.
        Refusal: `left_out`, more than 1 % of the input cannot be used, unless `allow_skips`.
    """
    digest, account, done = blake2b(digest_size=16), Account(), 0
    sizes, used, held = array("q"), array("d"), array("d")
    for document in sources.documents(paths, account, field):
        digest.update(encoded(document.name) + b"\0" + document.digest)
        sizes.append(document.size)
        used.append(rank(document.name, "used"))
        held.append(rank(document.name, "held out"))
        done += document.size
        if len(sizes) % 256 == 0:
            progress("reading", done, 0)
    where = ", ".join(paths)
    if not sizes:
        reasons = [f"{n} {reason}" for reason, n in sorted(account.texts.items())]
        if account.files:
            raise InputError(f"{where}: no text: {listed(account.files)}{account.cure}")
        raise InputError(
            f"{where}: no text ({', '.join(reasons) or 'no files'}); give UTF-8 text, or .jsonl, .csv or .parquet with "
            "the name of the text in --text-field"
        )
    if not allow_skips:
        account.judge()
    size_n, used_n, held_n = np.array(sizes), np.array(used), np.array(held)
    used_to = 1.0
    if 0 < max_bytes < done:
        order = np.argsort(used_n, kind="stable")
        n = int(np.searchsorted(np.cumsum(size_n[order]), max_bytes, side="right"))
        used_to = float(used_n[order[n - 1]]) if n else -1.0
    kept = used_n <= used_to
    held_to = max(val_fraction, float(held_n[kept].min())) if kept.any() else 0.0
    if not (held_n[kept] > held_to).any():
        raise InputError(
            f"{where}: documents in use: {int(kept.sum())}; a held-out split by document needs at least two; "
            "give more files, one document a line in .jsonl, a larger --max-bytes or a smaller --val-fraction"
        )
    return Selection(
        digest.hexdigest(),
        used_to,
        held_to,
        int(size_n[kept].sum()),
        dict(account.texts),
        tuple(account.files),
        tuple(account.cards),
        field,
    )


def chosen(paths: list[str], selection: Selection) -> Iterator[Document]:
    """The used documents, read again. Raises InputError where any document differs from the first pass."""
    digest = blake2b(digest_size=16)
    for document in sources.documents(paths, Account(), selection.field):
        digest.update(encoded(document.name) + b"\0" + document.digest)
        if selection.used(document.name):
            yield document
    if digest.hexdigest() != selection.digest:
        raise InputError(f"{', '.join(paths)}: the files changed while they were read; build again")


def sample(documents: Iterable[Document], selection: Selection) -> list[str]:
    """Training texts to train a tokenizer on: those of lowest rank, SAMPLE_BYTES of them, in order of rank."""
    heap: list[tuple[float, str, str]] = []  # of negative ranks: the highest rank leaves first
    total = 0
    for document in documents:
        if selection.held_out(document.name):
            continue
        heapq.heappush(heap, (-rank(document.name, "sample"), document.name, document.text))
        total += len(document.text)
        while total - len(heap[0][2]) >= SAMPLE_BYTES:
            total -= len(heapq.heappop(heap)[2])
    return [text for _, _, text in sorted(heap, reverse=True)]
