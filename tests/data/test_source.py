"""A stream that is read once is opened as often as needed, each time from its beginning."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pyarrow.csv

from pgmlang.data.source import spooled

CONTENT = bytes(i % 251 for i in range(1 << 20))


def test_openings_in_turn_read_the_whole_each() -> None:
    source = spooled(io.BytesIO(CONTENT), "pipe")
    first, second = source.open(), source.open()
    read = [b"", b""]
    sizes = [4096, 1000]
    for _ in range(len(CONTENT) // min(sizes) + 1):
        for i, stream in enumerate((first, second)):
            read[i] += stream.read(sizes[i])
    assert read == [CONTENT, CONTENT]
    assert first.read(10) == second.read(10) == b""


def test_an_opening_that_is_given_up_takes_nothing_from_the_next() -> None:
    source = spooled(io.BytesIO(CONTENT), "pipe")
    given_up = source.open()
    given_up.read(100)
    again = source.open()
    head = again.read(100)
    given_up.read(5000)
    assert head + again.read() == CONTENT


def test_openings_by_threads_read_the_whole_each() -> None:
    source = spooled(io.BytesIO(CONTENT), "pipe")
    start = Barrier(4)

    def whole(step: int) -> bytes:
        stream = source.open()
        start.wait(10)
        out = b""
        while piece := stream.read(step):
            out += piece
        return out

    with ThreadPoolExecutor(4) as pool:
        assert all(read == CONTENT for read in pool.map(whole, (511, 1024, 4093, 9001)))


def test_a_reader_that_reads_ahead_leaves_the_next_one_alone() -> None:
    lines = b"a,b\n" + b"".join(b"%d,%d\n" % (i, -i) for i in range(200_000))
    source = spooled(io.BytesIO(lines), "pipe")
    options = pyarrow.csv.ReadOptions(block_size=1 << 14)
    pyarrow.csv.open_csv(source.open(), options).read_next_batch()
    table = pyarrow.csv.read_csv(source.open(), options)
    assert table.num_rows == 200_000
    assert table.column("a").to_pylist() == list(range(200_000))
