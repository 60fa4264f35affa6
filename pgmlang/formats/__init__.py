"""Files of other tools: BIF, UAI and Gaussian JSON networks in and out, and `.pgm` text of a network. No torch."""

from pgmlang.formats.bif import read_bif
from pgmlang.formats.bif_write import write_bif
from pgmlang.formats.gaussian_json import read_gaussian_json, write_gaussian_json
from pgmlang.formats.gaussian_pgm import gaussian_to_pgm
from pgmlang.formats.pgm import network_to_pgm, pgm_names
from pgmlang.formats.text import open_text
from pgmlang.formats.uai import read_mar, read_pr, read_uai, read_uai_evidence
from pgmlang.formats.uai_write import write_uai

__all__ = [
    "gaussian_to_pgm",
    "network_to_pgm",
    "open_text",
    "pgm_names",
    "read_bif",
    "read_gaussian_json",
    "read_mar",
    "read_pr",
    "read_uai",
    "read_uai_evidence",
    "write_bif",
    "write_gaussian_json",
    "write_uai",
]
