"""Small files that ask for large things end soon and within little memory: each in a process with limits on both."""

from __future__ import annotations

import gzip
import re
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MEMORY = 500 << 20
"""Bytes in memory beyond those of an interpreter with the libraries that read files."""
GUARD = 8 << 30
"""Bytes of address space at which a process is stopped. (A tight bound on it makes threads and arenas of libraries fail,
which then wait for each other for ever; what is in memory is looked at instead.)"""
LONGEST = 120
"""Seconds after which a process is killed."""
SECONDS = 4.0
"""CPU time beyond that of a command that has nothing to do."""
STOP = 30
"""CPU time at which a process is killed."""
ROWS = "plate row { y ~ Normal(m, 1) }\n"


def peak(status: str) -> int:
    """Most bytes that a process had in memory, by its ``/proc/self/status``."""
    match = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert match is not None, status[-500:]
    return int(match[1]) * 1024


@cache
def interpreter() -> int:
    """Bytes in memory of an interpreter with the libraries."""
    code = "import numpy, pyarrow.csv, pyarrow.parquet, pyarrow.compute, pgmlang.cli.main; print(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return peak(done.stdout)


def ended(folder: Path, *arguments: str) -> tuple[int, str, float]:
    """Status, what is said, and CPU seconds of a command line within the limits, of memory too."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (GUARD, GUARD))
        resource.setrlimit(resource.RLIMIT_CPU, (STOP, STOP))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile("r") as status:
        # a command leaves by `os._exit`, when all else is done
        code = (
            f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "leave = os._exit\n"
            "def told(code):\n"
            f"    open({status.name!r}, 'w').write(open('/proc/self/status').read())\n"
            "    leave(code)\n"
            "os._exit = told\n"
            "from pgmlang.cli.main import main\nmain()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, preexec_fn=limited,
            timeout=LONGEST,
        )  # fmt: skip
        used = peak(status.read())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert used < interpreter() + MEMORY, f"{used >> 20} MiB"
    return (
        done.returncode,
        done.stdout + done.stderr,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


@cache
def nothing() -> float:
    """CPU seconds of a command that has nothing to do."""
    return min(ended(ROOT, "explain", "PGM0101")[2] for _ in range(2))


def checked(folder: Path, *arguments: str, codes: str) -> None:
    """A command ends in one of these codes (``good``: well), within the limits."""
    status, said, seconds = ended(folder, *arguments)
    assert status in (0, 64, 65, 66, 69), (status, said[-2000:])
    assert "Traceback" not in said
    code = re.search(r"error\[(PGM\d+)\]", said)
    assert (code[1] if code else "good") in codes.split(), said[:500]
    assert seconds < nothing() + SECONDS, seconds


def doubled(times: int) -> str:
    calls = "".join(f"def f{i}(x) {{ return f{i - 1}(x) + f{i - 1}(x) }}\n" for i in range(1, times + 1))
    return f"def f0(x) {{ return x + x }}\n{calls}m ~ Normal(0, 1)\nz = f{times}(m)\n{ROWS}"


def nested(times: int) -> str:
    calls = "".join(f"def f{i}(x) {{ return f{i - 1}(f{i - 1}(x)) }}\n" for i in range(1, times + 1))
    return f"def f0(x) {{ return x + 1 }}\n{calls}m ~ Normal(0, 1)\nz = f{times}(m)\n{ROWS}"


def chain(operation: Callable[[str], str], times: int = 60) -> str:
    lines = "".join(f"a{i} = {operation(f'a{i - 1}')}\n" for i in range(1, times + 1))
    return f"m ~ Normal(0, 1)\na0 = m + 1\n{lines}plate row {{ y ~ Normal(a{times}, 1) }}\n"


def table(parents: int, size: int) -> str:
    labels = "{" + ", ".join(f"l{i}" for i in range(size)) + "}"
    lines = "".join(f"  x{i} : {labels} ~ Table()\n" for i in range(parents))
    return f"plate row {{\n{lines}  y : {labels} ~ Table({', '.join(f'x{i}' for i in range(parents))})\n}}\n"


TEXTS = {
    "a def that doubles": (doubled(40), "PGM0107"),
    "a def of itself twice": (nested(40), "PGM0107"),
    "a sum of itself": (chain(lambda a: f"{a} + {a}"), "PGM0107"),
    "a product of itself": (chain(lambda a: f"{a} * {a}"), "PGM0107"),
    "a power of itself": (chain(lambda a: f"{a} ^ {a}"), "PGM0107"),
    "a branch of itself": (chain(lambda a: f"(if {a} > 0 then {a} else {a})"), "PGM0107"),
    "a call of itself": (chain(lambda a: f"exp({a}) - log1p({a})"), "PGM0107"),
    "a long line of names": (chain(lambda a: f"{a} + 1", 2_000), "good PGM0107"),
    "a large dim": ("dim d[10^9]\nw[d] ~ Normal(0, 1)\nm = sum(w)\n" + ROWS, "PGM0101 PGM0311"),
    "a large dim in digits": (f"dim d[{10**9}]\nw[d] ~ Normal(0, 1)\nm = sum(w)\n" + ROWS, "PGM0311"),
    "a large product of dims": ("dim d[60000]\ndim e[60000]\nw[d, e] ~ Normal(0, 1)\nm = sum(sum(w, over = d), over = e)\n" + ROWS, "PGM0311 PGM0611 good"),
    "a large plate": ("m ~ Normal(0, 1)\nplate row[10000000000] { y ~ Normal(m, 1) }\n", "PGM0311"),
    "a large grid": ("plate s = grid(100000, 100000) { field x : spin }\n", "PGM0311"),
    "a large setting": ("model big(n = 10000000000)\ndim d[n]\nw[d] ~ Normal(0, 1)\nm = sum(w)\n" + ROWS, "PGM0311"),
    "a table of many parents": (table(30, 2), "PGM0406"),
    "a table of large parents": (table(8, 60), "PGM0406"),
    "a deep nest": ("m ~ Normal(0, 1)\nz = " + "(" * 50_000 + "m" + ")" * 50_000 + "\n" + ROWS, "PGM0107 PGM0101 PGM0109"),
    "a tower of minus": ("m ~ Normal(0, 1)\nz = " + "-" * 50_000 + "m\n" + ROWS, "PGM0107 PGM0101"),
    "a tower of powers": ("m ~ Normal(0, 1)\nz = " + "9 ^ " * 5_000 + "9\n" + ROWS, "PGM0107 PGM0101 PGM0307"),
    "a long sum": ("m ~ Normal(0, 1)\nz = " + "m + " * 40_000 + "m\n" + ROWS, "good PGM0107"),
    "a long number": ("m ~ Normal(0, 1)\nz = " + "9" * 300_000 + "\n" + ROWS, "PGM0112"),
    "a long name": ("m ~ Normal(0, 1)\n" + "z" * 500_000 + " = m\n" + ROWS, "PGM0102"),
    "many labels": ("plate row { x : {" + ", ".join(f"l{i}" for i in range(30_000)) + "} ~ Table() }\n", "good PGM0311"),
    "plates in plates": ("".join(f"plate p{i}[2] {{ " for i in range(300)) + "x ~ Normal(0, 1)" + " }" * 300 + "\n", "good PGM0107 PGM0311 PGM0611"),
    "many statements": ("".join(f"x{i} ~ Normal(0, 1)\n" for i in range(100_000)), "PGM0109"),
    "many broken statements": ("x ~ \n" * 100_000, "PGM0101 PGM0109"),
    "many brackets": ("((((" * 20_000 + "\n", "PGM0104 PGM0101 PGM0102 PGM0103 PGM0107"),
}  # fmt: skip


FEW = (
    "a def that doubles",
    "a sum of itself",
    "a large dim in digits",
    "a large grid",
    "many statements",
    "d.csv.gz",
    "n.bif.gz",
)
"""Cases of every run; the others are slow."""


def some(names: Iterable[str]) -> list[Any]:
    return [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", some(TEXTS))
def test_a_text(name: str, tmp_path: Path) -> None:
    text, codes = TEXTS[name]
    (tmp_path / "m.pgm").write_text(text)
    checked(tmp_path, "check", "m.pgm", codes=codes)


def bomb(member: bytes, size: int = 1 << 30) -> bytes:
    """A gzip file of about this size unpacked, of equal members."""
    block = member * ((1 << 24) // len(member))
    return gzip.compress(block, 9) * (size // len(block))


BOMBS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "d.csv.gz": (b"1,2,3\n", ("fit", "m.pgm", "d.csv.gz")),
    "zeros.csv.gz": (b"\0", ("fit", "m.pgm", "zeros.csv.gz")),
    "line.csv.gz": (b"y", ("fit", "m.pgm", "line.csv.gz")),
    "n.bif.gz": (b"variable a { }\n", ("convert", "n.bif.gz", "out.pgm")),
    "n.uai.gz": (b"0 ", ("convert", "n.uai.gz", "out.pgm")),
    "p.pgm.gz": (b"x ~ Normal(0, 1)\n", ("check", "p.pgm.gz")),
}


@pytest.mark.parametrize("name", some(BOMBS))
def test_a_packed_file(name: str, tmp_path: Path) -> None:
    member, command = BOMBS[name]
    (tmp_path / "m.pgm").write_text("m ~ Normal(0, 1)\n" + ROWS)
    (tmp_path / name).write_bytes(bomb(member))
    checked(tmp_path, *command, codes="PGM0109 PGM0108 PGM0702 PGM0611 PGM0719 PGM0701 PGM0908")


def test_a_packed_array(tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_text("m ~ Normal(0, 1)\n" + ROWS)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (134217728,), }\n"
    with (
        zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("y.npy", "w") as out,
    ):
        out.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        for _ in range(64):
            out.write(bytes(1 << 22))
    checked(tmp_path, "fit", "m.pgm", "d.npz", codes="PGM0702 PGM0611 PGM0109")
