"""The questions that surveys of scaling-law papers ask, answered from the records; what they do not tell is said.

The items are those of Li et al. 2025, "(Mis)Fitting: A Survey of Scaling Laws" (arXiv 2502.18969), which most of its 51
papers leave open in part.
"""

import io as streams
import json
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet

from sweep.bundle import asked_of_fit, asked_of_training
from sweep.bundle.asked import Answer, Known, Question

NEITHER = "no fit is in the bundle"
NO_SWEEP = "the runs came as a table, which does not say"


def answers(found: Mapping[str, bytes], fits: list[str]) -> list[Answer]:
    """Every question with its answer, or with what is not known.

    Args:
        found: files of the bundle by name.
        fits: folders of its fits, `.` for the top; the questions about the fit are answered for the first.
    """
    known = known_of(found, fits)
    groups = (
        (asked_of_training.QUESTIONS, known.sweep, NO_SWEEP),
        (asked_of_fit.QUESTIONS, known.fit, NEITHER),
        (asked_of_fit.REPEATING, {"always": True}, ""),
    )
    return [answer(question, known, there, lacking) for questions, there, lacking in groups for question in questions]


def answer(question: Question, known: Known, there: Mapping[str, Any], lacking: str) -> Answer:
    """One question, answered where its record is there and tells."""
    if not there:
        return Answer(question.topic, question.text, None, None, lacking)
    told = question.tell(known)
    if told is None:
        return Answer(question.topic, question.text, None, None, question.otherwise)
    return Answer(question.topic, question.text, told, question.file(known), "")


def known_of(found: Mapping[str, bytes], fits: list[str]) -> Known:
    """The records that answers are taken from; empty where there is none."""
    main = "fit" if "fit" in fits else (fits or [None])[0]
    folder = "" if main in (".", None) else f"{main}/"
    read = {name: json.loads(data) for name, data in found.items() if name.endswith(".json")}
    rows = []
    if "losses.parquet" in found:
        rows = pyarrow.parquet.read_table(streams.BytesIO(found["losses.parquet"])).to_pylist()
    ledger = [json.loads(line) for line in found.get("forecast.jsonl", b"").splitlines() if line.strip()]
    return Known(
        sweep=read.get("sweep.json", {}),
        rows=rows,
        fit=read.get(f"{folder}fit.json", {}) if main is not None else {},
        fit_file=f"{folder}fit.json",
        ledger=ledger,
        multiverse=read.get(f"{folder}multiverse.json", {}),
    )


def page(found: list[Answer], name: str) -> str:
    """The checklist as Markdown."""
    open_ones = [a for a in found if a.text is None]
    lines = [
        f"# Reproducibility checklist of {name}",
        "",
        f"{len(found) - len(open_ones)} of {len(found)} questions are answered by the files beside this page; "
        f"{len(open_ones)} are not known from them.",
        "",
    ]
    for topic in dict.fromkeys(a.topic for a in found):
        lines += [f"## {topic}", "", "| question | answer | file |", "|---|---|---|"]
        for a in found:
            if a.topic == topic:
                told = f"**not known**: {a.why}" if a.text is None else a.text
                lines.append(f"| {cell(a.question)} | {cell(told)} | {f'`{a.file}`' if a.file else ''} |")
        lines.append("")
    lines += [
        "## To check it",
        "",
        "`pip install isoflop`, then `sweep reproduce BUNDLE` repeats every fit and compares its numbers;",
        "`sweep reproduce BUNDLE --train TRIAL --data TEXT` trains one of the trials again.",
        "",
    ]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text that stays in one cell of a table."""
    return " ".join(text.replace("|", "\\|").split())
