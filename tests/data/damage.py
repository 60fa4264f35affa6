"""Data files with bytes changed at random: run as a program, so that a crash of the reader is seen from outside.

``python -m tests.data.damage SUFFIX COUNT SEED FOLDER``: reads as many damaged files and prints the kind of each end.
"""

from __future__ import annotations

import io
import random
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from pgmlang.data import read_batches, read_frame
from pgmlang.diagnostics import PgmError

SUFFIXES = (".arrow", ".stream.arrow", ".zstd.arrow", ".parquet", ".npy", ".npz", ".csv", ".csv.gz")


def whole(suffix: str) -> bytes:
    """A good file: numbers with gaps, text, text of few values, whole numbers, a truth value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [None if i % 7 == 0 else "n\u00e4me " * (i % 5) + str(i) for i in range(60)]
    table = pa.table(
        {
            "text": texts,
            "few": pa.array([f"label {i % 3}" for i in range(60)]).dictionary_encode(),
            "number": pa.array([None if i % 9 == 0 else i / 7 for i in range(60)]),
            "whole": pa.array(range(60), pa.int64()),
            "truth": [i % 2 == 0 for i in range(60)],
            "large": pa.array(texts, pa.large_string()),
        }
    )
    out = io.BytesIO()
    if suffix.endswith(".arrow"):
        options = pa.ipc.IpcWriteOptions(compression="zstd" if "zstd" in suffix else None)
        new = pa.ipc.new_stream if "stream" in suffix else pa.ipc.new_file
        with new(out, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=25)
    elif suffix == ".parquet":
        pq.write_table(table, out, row_group_size=25)
    elif suffix == ".npy":
        np.save(
            out, np.array([(i, i / 3, str(i)) for i in range(40)], dtype=[("a", "i8"), ("b", "f8"), ("c", "U6")])
        )
    elif suffix == ".npz":
        np.savez_compressed(out, x=np.arange(40.0), s=np.array([f"t{i}" for i in range(40)]))
    else:
        text = "a,b,c\n" + "".join(f'{i},"x, {i}",{i / 3}\n' for i in range(60))
        import gzip

        out.write(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode())
    return out.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, a piece cut out or doubled, or the end cut off."""
    changed = bytearray(data)
    kind = rng.randrange(6)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(changed))
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice((0, 0xFF, 0x7F, 0x80))
        elif kind == 2:
            changed[at : at + 4] = rng.choice((b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\1"))
        elif kind == 3:
            changed[at : at + 8] = rng.randrange(2**63).to_bytes(8, "little")
        elif kind == 4 and len(changed) > 40:
            del changed[at : at + rng.randrange(1, 16)]
    return bytes(changed[: rng.randrange(len(changed))] if kind == 5 else changed)


def lying_headers(data: bytes) -> list[bytes]:
    """`.npy` files whose header tells what is not so."""
    shapes = ("(-1,)", "(0, 10**30)", "(10**12,)", "(2**62, 4)", "()", "(1,)*70", "(True,)", "'x'", "[[[[" * 400)
    kinds = ("'<f8'", "'|O'", "'|S0'", "'|V0'", "'<f16'", "[('a', '<f8', (10**9,))]", "None", "{}", "'<M8[ns]'")
    out = []
    for shape in shapes:
        for kind in kinds:
            text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
            out.append(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data[-64:])
    return out


def main(suffix: str, count: int, seed: int, folder: Path) -> Counter[str]:
    rng = random.Random(seed)
    data = whole(suffix)
    path = folder / f"damaged{suffix}"
    files = [damaged(data, rng) for _ in range(count)]
    if suffix == ".npy":
        files += lying_headers(data)
    if suffix == ".npz":
        for header in lying_headers(b"\0" * 64):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr("x.npy", header)
            files.append(out.getvalue())
    ends: Counter[str] = Counter()
    for number, file in enumerate(files):
        path.write_bytes(file)
        for read in (lambda p: [read_frame(p)], lambda p: list(read_batches(p, batch_rows=20))):
            try:
                for frame in read(str(path)):
                    for column in frame.columns.values():
                        column.labels_and_codes()
                ends["read"] += 1
            except PgmError as error:
                ends[error.diagnostics[0].code] += 1
            except BaseException:
                print(f"file {number} of {suffix}, seed {seed}", file=sys.stderr)
                (folder / f"fault{suffix}").write_bytes(file)
                raise
    return ends


if __name__ == "__main__":
    print(dict(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
