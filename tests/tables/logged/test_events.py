"""Event files of TensorBoard, written by tensorboardX: read whole, and what is damaged is told."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from tensorboardX import SummaryWriter
from tensorboardX.record_writer import RecordWriter

from sweep.tables.logged import events


def write(folder: Path, first: int = 10, count: int = 5) -> Path:
    """Train losses every ten steps, a validation loss at the last one, and things that are no numbers."""
    last = first + 10 * count - 10
    with SummaryWriter(str(folder)) as writer:
        for step in range(first, last + 1, 10):
            writer.add_scalar("loss/train", 5 - step / 100, step)
        writer.add_scalar("loss/validation", 4.5, last)
        writer.add_histogram("weights", np.arange(4.0), last)
        writer.add_text("note", "hello", last)
    return next(folder.iterdir())


def why(run: events.History) -> dict[str, int]:
    return {f"{one.what}: {one.why}": one.n for one in run.lost}


def test_every_number_at_its_step(tmp_path: Path):
    write(tmp_path / "logs" / "gpt-1e6")
    write(tmp_path / "logs" / "gpt-2e6", count=3)
    first, second = events.runs_below(tmp_path / "logs")
    assert (first.name, second.name) == ("gpt-1e6", "gpt-2e6")
    assert [p["step"] for p in first.points] == [10, 20, 30, 40, 50]
    assert [p["loss/train"] for p in first.points] == pytest.approx([4.9, 4.8, 4.7, 4.6, 4.5])
    assert [p.get("loss/validation") for p in first.points] == [None] * 4 + [4.5]
    (note,) = first.lost
    assert (note.what, note.n) == ("values", 2)
    assert "weights" in note.why


def test_files_of_one_folder_are_one_run_of_which_the_later_counts(tmp_path: Path):
    old = write(tmp_path / "run")
    old.rename(tmp_path / "run" / "events.out.tfevents.0000000001.host")
    write(tmp_path / "run", first=40, count=4)
    (run,) = events.runs_below(tmp_path / "run")
    assert [p["step"] for p in run.points] == [10, 20, 30, 40, 50, 60, 70]
    assert why(run)["values: logged again at the same step: the last counts"] == 2


def test_tensors_of_one_number_as_tensorflow_writes_them(tmp_path: Path):
    event_pb2, summary_pb2, tensor_pb2 = (
        importlib.import_module(f"tensorboardX.proto.{name}_pb2") for name in ("event", "summary", "tensor")
    )
    plugin = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="scalars"))
    file = tmp_path / "events.out.tfevents.1.host"
    writer = RecordWriter(str(file))
    for step, tensor in (
        (1, tensor_pb2.TensorProto(dtype=1, float_val=[2.5])),
        (2, tensor_pb2.TensorProto(dtype=1, tensor_content=np.float32(1.25).tobytes())),
        (3, tensor_pb2.TensorProto(dtype=2, tensor_content=np.float64(0.75).tobytes())),
        (4, tensor_pb2.TensorProto(dtype=1, float_val=[1.0, 2.0])),
        (5, tensor_pb2.TensorProto(dtype=7, string_val=[b"text"])),
    ):
        value = summary_pb2.Summary.Value(tag="loss", tensor=tensor, metadata=plugin)
        event = event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[value]))
        writer.write(event.SerializeToString())
    writer.close()
    (run,) = events.runs_below(file)
    assert [(p["step"], p["loss"]) for p in run.points] == [(1, 2.5), (2, 1.25), (3, 0.75)]
    assert [one.n for one in run.lost] == [2]


def test_a_file_that_is_cut_or_damaged_gives_what_is_whole(tmp_path: Path):
    file = write(tmp_path / "run")
    data = file.read_bytes()
    for cut in range(0, len(data), 5):
        file.write_bytes(data[:cut])
        (run,) = events.runs_below(file)
        losses = [p["loss/train"] for p in run.points]
        assert losses == pytest.approx([4.9, 4.8, 4.7, 4.6, 4.5][: len(losses)])
        assert cut == 0 or any(one.why == events.CUT for one in run.lost) or len(losses) in (0, 5)
    written = {float(np.float32(5 - step / 100)) for step in range(10, 60, 10)}
    for at in range(0, len(data), 11):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        (run,) = events.runs_below(file)
        assert {p["loss/train"] for p in run.points if "loss/train" in p} <= written
        assert any("checksum" in one.why or one.why == events.CUT for one in run.lost)


def test_the_checksum_is_the_one_of_its_standard():
    assert events.crc32c(b"123456789") == 0xE3069283  # RFC 3720, B.4
