"""What is saved is what was found."""

import json

import pyarrow.csv
import pyarrow.parquet

from sweep.fit.multiverse.axes import AXES


def test_table_and_files(small, tmp_path):
    paths = small.save(tmp_path)
    assert [p.name for p in paths] == ["multiverse.json", "multiverse.parquet", "multiverse.csv"]
    assert json.loads(paths[0].read_text()) == small.to_json()
    table = small.table()
    assert pyarrow.parquet.read_table(paths[1]).equals(table)
    assert pyarrow.csv.read_csv(paths[2])["params"].to_pylist() == table["params"].to_pylist()
    assert table.num_rows == small.record["specifications"]
    first, row = small.record["curve"][0], table.slice(0, 1).to_pylist()[0]
    assert {axis: row[axis] for axis in AXES} == {axis: first[axis] for axis in AXES}
    assert [row["params_low"], row["params_high"]] == first["params_interval"]
    assert small.verdict == small.record["verdict"]
