"""Files of other tools: BIF and UAI networks in and out, and `.pgm` text of a discrete network. No torch."""

from pgmlang.formats.bif import read_bif
from pgmlang.formats.bif_write import write_bif
from pgmlang.formats.pgm import network_to_pgm, pgm_names
from pgmlang.formats.text import open_text
from pgmlang.formats.uai import read_mar, read_pr, read_uai, read_uai_evidence
from pgmlang.formats.uai_write import write_uai

__all__ = [
    "network_to_pgm",
    "open_text",
    "pgm_names",
    "read_bif",
    "read_mar",
    "read_pr",
    "read_uai",
    "read_uai_evidence",
    "write_bif",
    "write_uai",
]
