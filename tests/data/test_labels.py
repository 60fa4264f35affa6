"""Columns to codes of a declared set, and what is said of cells outside it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pgmlang.data import encode, encode_bit, encode_spin, fingerprint, read_frame, sort_labels
from pgmlang.data.frame import Column
from pgmlang.diagnostics import Diagnostic, PgmError


def column(*cells: str) -> Column:
    text = "rain,k\n" + "".join(f"{c},x\n" for c in cells)
    return read_frame(io.BytesIO(text.encode()), name="days.csv").column("rain")


def refusal(call: object, *arguments: object) -> Diagnostic:
    with pytest.raises(PgmError) as caught:
        call(*arguments)  # type: ignore[operator]
    (found,) = caught.value.diagnostics
    return found


def test_encode() -> None:
    codes = encode(column("yes", "", "no", "yes"), ["no", "yes", "maybe"])
    assert codes.tolist() == [1, -1, 0, 1]
    assert codes.dtype == np.int64


def test_unknown_labels_are_listed_once_with_their_lines() -> None:
    found = refusal(encode, column("no", "Yes", "yes", "Yes", "x"), ["no", "yes"])
    assert (found.code, found.place) == ("PGM0705", "days.csv:3:rain")
    assert found.message == "unknown label `Yes`"
    assert found.help.startswith("give `--fold-case`, which reads labels in any case")
    assert found.notes == (
        "3 cells hold 2 unknown labels: `Yes` (line 3 and 1 more), `x` (line 6)",
        "accepted: `no`, `yes`",
    )


def test_at_most_five_unknown_labels_are_shown() -> None:
    found = refusal(encode, column(*"abcdefgh"), ["no", "yes"])
    assert "8 cells hold 8 unknown labels" in found.notes[0]
    assert found.notes[0].count("(line") == 5
    assert found.notes[0].endswith(", …")


def test_hints() -> None:
    spaced = refusal(encode, column(" yes"), ["no", "yes"])
    assert "spaces" in spaced.notes[-1]
    assert spaced.help.startswith("give `--strip`")
    assert refusal(encode, column("1.0"), ["0", "1"]).help.startswith("did you mean `1`? `--merge rain:1.0=1`")
    assert "--na NA" in refusal(encode, column("NA"), ["no", "yes"]).help
    numeric = read_frame({"a": [0.0, 1.0, None]}).column("a")
    assert list(encode(numeric, ["0", "1"])) == [0, 1, -1]


def test_bits_and_spins() -> None:
    assert encode_bit(column("0", "1", "", "true", "FALSE", "True", "1.0")).tolist() == [0, 1, -1, 1, 0, 1, 1]
    assert encode_bit(read_frame({"a": [True, None, False]}).column("a")).tolist() == [1, -1, 0]
    assert encode_spin(column("-1", "1", "", "+1", "-1.0")).tolist() == [0, 1, -1, 1, 0]
    assert encode_spin(read_frame({"a": [-1, 1]}).column("a")).tolist() == [0, 1]
    found = refusal(encode_bit, column("1", "2", "yes"))
    assert (found.code, found.place, found.message) == ("PGM0706", "days.csv:3:rain", "`2` is not a bit")
    assert refusal(encode_spin, column("1", "0")).code == "PGM0706"
    assert refusal(encode_bit, read_frame({"a": [0, 2]}).column("a")).place == "data:2:a"


def test_sort_labels() -> None:
    assert sort_labels(["10", "9", "1.5", "-2"]) == ("-2", "1.5", "9", "10")
    assert sort_labels(["b", "a", "10", "9"]) == ("10", "9", "a", "b")
    assert sort_labels(["1", "01", "1.0"]) == ("01", "1", "1.0")
    assert sort_labels([]) == ()


def test_fingerprint() -> None:
    def of(text: str) -> str:
        return fingerprint(read_frame(io.BytesIO(text.encode())))

    base = of("a,b\n1,x\n2,y\n")
    assert base == of('"a","b"\r\n1,"x"\r\n2,y')
    others = ["a,b\n2,y\n1,x\n", "a,b\n1,x\n"]
    others += ["b,a\nx,1\ny,2\n", "a,b\n1,x\n2,\n", "a,c\n1,x\n2,y\n", "a,b\n1,xy\n2,\n"]
    assert len({base, *map(of, others)}) == len(others) + 1
    values = [[1.0, np.nan], [1.0, 2.0], [2.0, 1.0]]
    assert len({fingerprint(read_frame({"a": v})) for v in values}) == 3
    assert len({fingerprint(read_frame({"a": np.full((2, 2), v)})) for v in (0, 1)}) == 2
