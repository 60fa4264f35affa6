"""Bytes of a text file as clean UTF-8: decoded, without byte order mark, every fault found where it is."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from typing import Any, BinaryIO

from pgmlang.data.packed import RATIO, is_bomb
from pgmlang.data.problems import problem
from pgmlang.diagnostics import PgmError

CHUNK = 1 << 20
MAX_LINE = 1 << 26
"""Longest header or row, in bytes."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, perhaps an Excel workbook", "save the table as CSV and give that file"),
    (b"PAR1", "a Parquet file", "name it `.parquet`"),
    (b"ARROW1", "an Arrow file", "name it `.arrow`"),
    (b"\x93NUMPY", "a NumPy array", "name it `.npy`"),
    (b"%PDF", "a PDF", "save the table as CSV and give that file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the table as CSV and give that file"),
    (b"\x89HDF", "an HDF5 file", "save the table as CSV or Parquet and give that file"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV and give that file"),
    (b"BZh", "a bzip2 archive", "unpack it, or compress with gzip"),
    (b"\xfd7zXZ", "an xz archive", "unpack it, or compress with gzip"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it, or compress with gzip"),
)


class TextStream(io.RawIOBase):
    """A file to read from, in UTF-8. Raises PgmError PGM0702 on what is no text, PGM0908 when the disk fails.

    A trailing run of line ends is given as one, so that a blank last line is no row. ``one_line_rows`` turns false
    once a quote or a blank line was read: then the number of a row does not tell its line. ``quotes``: how many.
    """

    def __init__(self, raw: BinaryIO, name: str, encoding: str = "") -> None:
        self.name = name
        self._raw = raw
        self._told = encoding
        self._pending = b""
        self._line_ends = b""
        self._lines = 0
        self._ended = False
        self._packed: _Joined | None = None
        self._unpacked = 0
        self.quotes = 0
        self.one_line_rows = True
        self._last = b""
        self._start()

    def _start(self) -> None:
        head = self._read_raw(16)
        if head[:2] == b"\x1f\x8b":
            self._packed = _Joined(head, self._raw)
            self._raw = gzip.GzipFile(fileobj=self._packed)  # type: ignore[assignment]
            head = self._read_raw(16)
        for magic, what, cure in _FOREIGN:
            if head.startswith(magic):
                raise problem("PGM0702", f"this is {what}, not a text table", place=self.name, cure=cure)
        self._encoding = self._told or "utf-8"
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                head, self._encoding = head[len(mark) :], encoding
                break
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self._pending = self._clean(head) if head else b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        while not self._pending and not self._ended:
            # A little less than asked for, as line ends held back may come in front of it.
            chunk = self._read_raw(max(size - 4, 1 << 16))
            self._ended = not chunk
            self._pending = self._clean(chunk)
        if len(self._pending) <= size:
            out, self._pending = self._pending, b""
        else:
            out, self._pending = self._pending[:size], self._pending[size:]
        return out

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def unread(self, data: bytes) -> None:
        """Puts bytes back in front."""
        self._pending = data + self._pending

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _read_raw(self, size: int) -> bytes:
        try:
            data = self._raw.read(size) or b""
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise problem(
                "PGM0702", "the gzip file is damaged or cut short", place=self.name, notes=[str(error)],
                cure="make or download the file again",
            ) from None  # fmt: skip
        except OSError as error:
            raise problem("PGM0908", f"reading failed: {error.strerror or error}", place=self.name) from None
        self._unpacked += len(data)
        if self._packed is not None and is_bomb(self._unpacked, self._packed.size):
            raise problem("PGM0702", f"the gzip file unpacks to more than {RATIO} times its size", place=self.name,
                          cure="unpack it, if it is what it should be, and give that file")  # fmt: skip
        return data

    def _clean(self, chunk: bytes) -> bytes:
        """The next bytes as UTF-8, checked, trailing line ends held back."""
        if self._encoding == "utf-8" and b"\0" in chunk:
            raise self._not_text("a NUL byte", chunk[: chunk.index(b"\0")])
        data = self._decoded(chunk, final=not chunk)
        if self._encoding != "utf-8" and b"\0" in data:
            raise self._not_text("a NUL character", data[: data.index(b"\0")])
        if not data:
            return b"\n" if not chunk and self._line_ends else b""
        quotes = data.count(b'"')
        self.quotes += quotes
        if self.one_line_rows:
            self.one_line_rows = not quotes and _plain_line_ends(data) and _plain_line_ends(self._last + data[:2])
            self._last = data[-2:]
        self._lines += _count_lines(data)
        if data[-1:] not in (b"\n", b"\r") and not self._line_ends:
            return data
        body = data.rstrip(b"\r\n")
        before, self._line_ends = self._line_ends, data[len(body) :]
        if not body:
            self._line_ends = before + self._line_ends
            return b""
        return before + body

    def _decoded(self, chunk: bytes, final: bool) -> bytes:
        if self._encoding == "utf-8" and chunk.isascii() and not self._decoder.getstate()[0] and not final:
            return chunk
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None
        return chunk if self._encoding == "utf-8" else text.encode("utf-8", "surrogatepass")

    def _undecodable(self, error: UnicodeDecodeError) -> PgmError:
        if self._encoding != "utf-8":
            return self._not_text(f"bytes that are not {self._encoding.upper()}", b"")
        byte = error.object[error.start]
        meant = bytes([byte]).decode("cp1252", "replace")
        guess = f" (`{meant}` in Windows-1252)" if meant.isprintable() and meant != "\ufffd" else ""
        good = error.object[: error.start]
        line = self._lines + good.count(b"\n") + 1
        column = len(good) - good.rfind(b"\n")
        return problem(
            "PGM0702", f"byte 0x{byte:02X}{guess} is not UTF-8", place=f"{self.name}:{line}",
            notes=[f"it is byte {column:,} of the line"] if b"\n" in good or not self._lines else [],
            cure="if that is its encoding, give `--encoding cp1252` (in Python `encoding='cp1252'`), else save the file as UTF-8",
        )  # fmt: skip

    def _not_text(self, what: str, before: bytes) -> PgmError:
        line = self._lines + _count_lines(before) + 1
        return problem(
            "PGM0702", f"not a text table: {what} in line {line}", place=f"{self.name}:{line}",
            notes=["the file is binary, or UTF-16 without a byte order mark"],
            cure="save the table as CSV in UTF-8",
        )  # fmt: skip


class DeferredErrors(io.RawIOBase):
    """A text stream for readers of other threads: a fault ends it, and is raised by `check` in the thread that asked. (An
    error raised within such a reader leaves threads of Arrow behind that the interpreter waits for at its end, for ever.)
    """

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream
        self._fault: PgmError | None = None
        self._is_over = False

    def readable(self) -> bool:
        return True

    def end(self) -> None:
        """Says that no more is wanted: a reader ahead of what was asked for comes to its end at once."""
        self._is_over = True

    def read(self, size: int = -1) -> bytes:
        if self._fault is None and not self._is_over:
            try:
                return self._stream.read(size)
            except PgmError as fault:
                self._fault = fault
        return b""

    def check(self) -> None:
        """Raises the PgmError that ended the stream, if one did."""
        if self._fault is not None:
            raise self._fault


def _plain_line_ends(data: bytes) -> bool:
    """Whether no line is blank and no carriage return stands alone."""
    if b"\n\n" in data:
        return False
    if b"\r" not in data:
        return True
    return b"\n\r" not in data and data.count(b"\r") <= data.count(b"\r\n") + data.endswith(b"\r")


def _count_lines(data: bytes) -> int:
    """Line ends, be they ``\\n``, ``\\r\\n`` or ``\\r``."""
    return max(data.count(b"\n"), data.count(b"\r") if b"\r" in data else 0)


class _Joined(io.RawIOBase):
    """Bytes already read and the file they came from, as one."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest
        self.size = len(head)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            out, self._head = (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
            return out
        out = self._rest.read(size) or b""
        self.size += len(out)
        return out

    def close(self) -> None:
        self._rest.close()
        super().close()
