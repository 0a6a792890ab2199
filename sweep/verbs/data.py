"""`sweep data build`: token shards with a manifest, from text."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sweep import quantity
from sweep.train.data.account import SHOWN, listed, ordered
from sweep.train.data.build import build
from sweep.train.data.selection import Progress as Report
from sweep.train.data.shards import Manifest, Split, as_dict
from sweep.verbs.output import Output

LINE_SECONDS = 30.0  # between lines where there is no terminal


@dataclass(frozen=True)
class Args:
    """Turn text into token shards that a sweep trains on: train.bin, val.bin and manifest.json.

    Documents are files of plain text, records of JSON (lines or an array), rows of CSV and Parquet; all but Parquet may
    be compressed (.gz, .bz2, .xz, .zst). A plain file above 64 KiB is cut at line ends into documents of 16 KiB. Exact
    duplicates are dropped. A share of the documents, chosen by a hash of their names, is held out to score every
    trial; held-out text that also occurs in the training text is counted and reported. Files that cannot be used are
    named, and more than 1 % of the input is refused. The same input gives the same shards, and an unchanged rebuild
    does nothing.

    Example: sweep data build corpus/ more.jsonl.gz --tokenizer bpe:8192 --out data/

    Then: sweep preview configs/laptop.py --data.path data/
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Text, .jsonl, .json, .csv, .parquet, folders of them, or Python's own sources: python:stdlib, python:site."""

    out: str
    """Folder to create, whole or not at all; a folder with other content is never touched."""

    tokenizer: str = "byte"
    """byte, bpe:N (a byte-level BPE of N ids, trained on the training documents) or the path of a tokenizer.json."""

    val_fraction: float = 0.05
    """Share of the documents that is held out, at least one document."""

    max_bytes: int = field(default=0, metadata=quantity.WHOLE)
    """Use at most this much text, such as 2e9 or 2B bytes, a random choice of documents; 0 for all of it."""

    text_field: str = "text"
    """The field of JSON records, and the column of CSV and Parquet files, that holds the text."""

    allow_skips: bool = False
    """Go on where more than 1 % of the input cannot be used."""


def run(args: Args) -> Output:
    """Build the shards. Raises InputError for text, tokenizers and folders that will not do."""
    with progress() as report:
        manifest = build(
            args.files,
            tokenizer=args.tokenizer,
            out=args.out,
            val_fraction=args.val_fraction,
            max_bytes=args.max_bytes,
            text_field=args.text_field,
            allow_skips=args.allow_skips,
            progress=report,
        )
    return Output(data={"out": args.out, **as_dict(manifest)}, text=describe(manifest, args.out))


def describe(manifest: Manifest, out: str) -> str:
    """The manifest for a person."""
    left_out = ", ".join(f"{n:,} {reason}" for reason, n in sorted(manifest.skipped.items()))
    nothing = "nothing else" if manifest.left_out or manifest.cards else "nothing"
    lines = [
        f"{out}  fingerprint {manifest.fingerprint}",
        f"tokens     {manifest.tokenizer}, vocabulary {manifest.vocab:,}, {manifest.dtype}",
        f"train      {amount(manifest.train)}",
        f"held out   {amount(manifest.val)}",
        f"left out   {left_out or nothing}",
    ]
    lines += [f"unusable   {listed([file])}" for file in ordered(manifest.left_out)[:SHOWN]]
    if len(manifest.left_out) > SHOWN:
        lines.append(f"unusable   {len(manifest.left_out) - SHOWN:,} more files; {out}/manifest.json names them")
    if manifest.cards:
        lines.append(f"data cards {listed(manifest.cards)}")
    if manifest.overlap and not manifest.notes:  # else a note says it
        o = manifest.overlap
        seen = f"{o.share:.1%} of {o.checked:,} held-out windows of {o.window} tokens occur in the training text"
        lines.append(f"overlap    {seen}")
    lines += [f"note       {note}" for note in manifest.notes]
    lines.append(f"next       sweep preview configs/laptop.py --data.path {out}")
    return "\n".join(lines)


def amount(split: Split) -> str:
    """Tokens, bytes and documents of one split."""
    return f"{split.tokens:,} tokens · {split.bytes or 0:,} bytes · {split.documents or 0:,} documents"


@contextmanager
def progress(console: Console | None = None, *, after: float = 2.0) -> Iterator[Report]:
    """A reporter of progress that shows a bar on stderr once the work has taken `after` seconds."""
    console = console or Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}"), TimeElapsedColumn()
    bars = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True)
    task, began = bars.add_task("", total=None, amount=""), time.monotonic()
    told = began

    def report(stage: str, done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - began < after:
            return
        amount = f"{done / 1e6:,.0f} MB" if done else ""
        if console.is_terminal:
            bars.start()
            bars.update(task, description=stage, completed=done, total=total or None, amount=amount)
        elif now - told > LINE_SECONDS:  # a log of a job: no bar, a line now and then
            told = now
            console.print(f"{stage} {amount}" + f" of {total / 1e6:,.0f} MB" * bool(done and total), highlight=False)

    try:
        yield report
    finally:
        if bars.live.is_started:
            bars.stop()
