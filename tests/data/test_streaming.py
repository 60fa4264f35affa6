"""Reading in batches tells the same as reading at once."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from pgmlang.data import delimited as delimited_module
from pgmlang.data import read_batches, read_frame

ROWS = 5000


def lines(rows: int, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    names = np.array(["", "a", "b", "c d", '"q ""x"""'])[rng.integers(0, 5, rows)]
    return "s,n,late\n" + "".join(
        f"{s},{i * 0.5},{'early' if i < rows - 2 else 'new' + str(i)}\n" for i, s in enumerate(names.tolist())
    )


@pytest.mark.parametrize("kind", ["csv", "gz", "parquet", "dict", "stream"])
@pytest.mark.parametrize("batch_rows", [1, 777, 5000, None])
def test_batches_equal_the_whole(
    kind: str, batch_rows: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited_module, "_BATCH_BLOCK", 1 << 12)
    rows = 60 if batch_rows == 1 else ROWS
    text = lines(rows).encode()
    whole = read_frame(io.BytesIO(text))
    source: object = io.BytesIO(text)
    if kind in ("csv", "gz"):
        source = tmp_path / f"d.csv{'.gz' if kind == 'gz' else ''}"
        source.write_bytes(gzip.compress(text) if kind == "gz" else text)
    elif kind in ("parquet", "dict"):
        columns = {n: [None if c < 0 else x.labels[c] for c in x.codes] for n, x in whole.columns.items()}
        source = columns
        if kind == "parquet":
            source = tmp_path / "d.parquet"
            pyarrow.parquet.write_table(pa.table(columns), source, row_group_size=1000)
    batches = list(read_batches(source, ["late", "s", "n"], batch_rows=batch_rows))
    if batch_rows:
        assert [b.num_rows for b in batches[:-1]] == [batch_rows] * (len(batches) - 1)
    assert [b.start for b in batches] == list(np.cumsum([0] + [b.num_rows for b in batches[:-1]]))
    for name in ("s", "late", "n"):
        assert list(batches[0].columns) == ["late", "s", "n"]
        seen: tuple[str, ...] = ()
        for batch in batches:
            labels = batch.column(name).labels
            assert labels[: len(seen)] == seen
            seen = labels
        assert seen == whole.column(name).labels
        codes = np.concatenate([b.column(name).codes for b in batches])
        np.testing.assert_array_equal(codes, whole.column(name).codes)
    numbers = np.concatenate([b.column("n").numbers() for b in batches])
    np.testing.assert_array_equal(numbers, whole.column("n").numbers())
    if kind in ("csv", "gz", "stream"):
        last = batches[-1]
        assert last.row_number(last.num_rows - 1) == rows + 1


def test_ragged_row_far_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited_module, "_BATCH_BLOCK", 1 << 12)
    (tmp_path / "d.csv").write_text(lines(ROWS) + "only one\n")
    with pytest.raises(Exception, match=rf"d\.csv:{ROWS + 2}: error\[PGM0703\]"):
        list(read_batches(tmp_path / "d.csv"))


def test_an_error_of_the_consumer_is_not_ours(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / "d.parquet")
    batches = read_batches(tmp_path / "d.parquet")
    next(batches)
    with pytest.raises(OSError, match="mine"):
        batches.throw(OSError("mine"))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """Two million rows, 60 MB: read whole they take far more than batch by batch."""
    path = tmp_path / "big.csv"
    block = "".join(f"{'ab'[i % 2]},{i % 7},{i % 1000 * 0.25:.4f},some longer text\n" for i in range(100_000))
    with path.open("w") as file:
        file.write("a,b,x,t\n")
        for _ in range(20):
            file.write(block)
    peak = total = 0
    for batch in read_batches(path, batch_rows=50_000):
        total += batch.num_rows
        batch.column("a").codes, batch.column("x").numbers()
        peak = max(peak, pa.total_allocated_bytes())
    assert total == 2_000_000
    assert peak < 200 << 20
