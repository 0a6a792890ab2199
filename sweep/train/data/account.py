"""What of a corpus was left out, and how much that is: files by name, texts by reason; much of it stops a build."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sweep.errors import Refusal
from sweep.train.data.inputs import File

MOST = 0.01  # of the input that may be left out without a word
NOT_UTF8 = "not text in UTF-8"
SHOWN = 8  # files that a message names


@dataclass(frozen=True)
class LeftOut:
    """A file that was left out, whole or in part.

    Attributes:
        file: its name below the given folder, with the ending of its compression.
        bytes: its size on disk; None where what is meant lies elsewhere.
        reason: why.
        share: of its records or pieces that were left out; 1 for a whole file.
    """

    file: str
    bytes: int | None
    reason: str
    share: float = 1.0

    @property
    def lost(self) -> float:
        """Bytes on disk that what was left out stands for."""
        return self.share * (self.bytes or 0)


@dataclass
class Account:
    """Filled while documents are read.

    Attributes:
        texts: records, pieces and empty files left out, by reason.
        files: those left out because they cannot be used.
        cards: those left out because they describe the others.
        total: bytes on disk of all files but cards.
    """

    texts: Counter[str] = field(default_factory=Counter)
    files: list[LeftOut] = field(default_factory=list)
    cards: list[LeftOut] = field(default_factory=list)
    total: int = 0

    def leave(self, file: File, reason: str, share: float = 1.0, *, absent: bool = False) -> None:
        """Note that a file is left out."""
        self.files.append(LeftOut(printable(file), None if absent else file.size, reason, share))

    def set_apart(self, file: File) -> None:
        """Note a data card."""
        self.cards.append(LeftOut(printable(file), file.size, "a data card"))

    @property
    def share(self) -> float:
        """Of the input's bytes that is left out."""
        return sum(file.lost for file in self.files) / max(self.total, 1)

    @property
    def cure(self) -> str:
        """What to do about text that is not in UTF-8, if there is some."""
        odd = any(NOT_UTF8 in file.reason for file in self.files)
        return "; iconv -f WINDOWS-1252 -t UTF-8 converts text that Windows wrote" * odd

    def judge(self) -> None:
        """Raise Refusal (`left_out`) where more than MOST of the input is left out, or an unknown amount."""
        unknown = [file for file in self.files if file.bytes is None]
        if self.share <= MOST and not unknown:
            return
        what = f"{self.share:.1%} of the input cannot be used"
        what = what if self.share > MOST else "an unknown share of the input is missing"
        raise Refusal(
            "left_out",
            f"{what}: {listed(self.files)}; mend these files or move them away, or leave them out with "
            f"--allow-skips (in a sweep: --data.allow-skips){self.cure}",
        )


def printable(file: File) -> str:
    """The name of a file for one line: as it is on disk, with what cannot be printed escaped."""
    name = file.name + (file.path.name.removeprefix(file.name.rpartition("/")[2]) if file.packing else "")
    return plain(name)


def plain(text: str) -> str:
    """A text for one line, with what cannot be printed escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def listed(files: Iterable[LeftOut], most: int = SHOWN) -> str:
    """Names, sizes and reasons, the largest loss first."""
    files = ordered(files)
    shown = [f"{file.file} ({size(file.bytes)}: {file.reason})" for file in files[:most]]
    return ", ".join(shown) + (f" and {len(files) - most:,} more" if len(files) > most else "")


def ordered(files: Iterable[LeftOut]) -> list[LeftOut]:
    """Those of unknown size first, then the largest loss first."""
    return sorted(files, key=lambda file: (file.bytes is not None, -file.lost))


def size(count: int | None) -> str:
    """Bytes for a reader."""
    if count is None:
        return "size unknown"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} bytes"
