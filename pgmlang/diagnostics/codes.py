"""Every diagnostic code: one row each.

Ranges: 01xx syntax, 02xx names and modules, 03xx types, shapes and plates, 04xx supports and tables,
05xx graph, 06xx methods and queries, 07xx data, 08xx numbers at run time, 09xx files.
"""

from __future__ import annotations

from typing import NamedTuple

from pgmlang import plugins


class Code(NamedTuple):
    """A stable code. ``exit``: status of ``pgmc`` when this error stops it (sysexits, as Stan's). ``page``: of a code
    that a package beside pgmlang adds, what ``pgmc explain`` says, written as the pages in ``explain``."""

    title: str
    exit: int = 65
    is_warning: bool = False
    page: str = ""


CODES: dict[str, Code] = {
    # 01xx syntax
    "PGM0101": Code("unexpected token"),
    "PGM0102": Code("unexpected character"),
    "PGM0103": Code("unclosed bracket"),
    "PGM0104": Code("unmatched closing bracket"),
    "PGM0105": Code("unclosed string"),
    "PGM0106": Code("an idiom of another language"),
    "PGM0107": Code("nested too deeply"),
    "PGM0108": Code("not a text file"),
    "PGM0109": Code("file too large"),
    "PGM0110": Code("language version not supported"),
    "PGM0111": Code("statement out of place"),
    "PGM0112": Code("invalid number"),
    # 02xx names and modules
    "PGM0201": Code("unknown name"),
    "PGM0202": Code("name defined twice"),
    "PGM0203": Code("unknown distribution"),
    "PGM0204": Code("unknown function"),
    "PGM0205": Code("imported module not found"),
    "PGM0206": Code("import cycle"),
    "PGM0207": Code("name not found in module"),
    "PGM0208": Code("reserved name"),
    "PGM0209": Code("unknown label"),
    "PGM0210": Code("unknown setting"),
    "PGM0211": Code("unknown network block"),
    "PGM0212": Code("unused name", is_warning=True),
    "PGM0213": Code("recursive definition"),
    "PGM0214": Code("second call in a statement must be named"),
    # 03xx types, shapes, plates
    "PGM0301": Code("wrong index type"),
    "PGM0302": Code("axis missing on the left"),
    "PGM0303": Code("cannot tell which axis `@` sums over"),
    "PGM0304": Code("variable of another plate used without an index"),
    "PGM0305": Code("wrong number of arguments"),
    "PGM0306": Code("unknown or repeated argument name"),
    "PGM0307": Code("wrong type"),
    "PGM0308": Code("axis occurs twice"),
    "PGM0309": Code("event axis missing"),
    "PGM0310": Code("bare param in a plate sized by the data"),
    "PGM0311": Code("size is not a positive whole number"),
    "PGM0312": Code("`prev` or `first` out of place"),
    "PGM0313": Code("guide lacks a latent", is_warning=True),
    "PGM0314": Code("guide names what is not latent"),
    "PGM0315": Code("distribution out of place"),
    "PGM0316": Code("guide does not fit the model"),
    "PGM0317": Code("no method takes this yet", is_warning=True),
    "PGM0318": Code("vector or matrix does not fit its axes"),
    "PGM0319": Code("differential equation out of place"),
    # 04xx supports and tables
    "PGM0401": Code("support does not fit the declared type"),
    "PGM0402": Code("table row missing"),
    "PGM0403": Code("table row given twice"),
    "PGM0404": Code("table row has the wrong length"),
    "PGM0405": Code("table row does not sum to one"),
    "PGM0406": Code("table too large"),
    "PGM0407": Code("literal table needs closed label sets"),
    "PGM0408": Code("table parent is not discrete"),
    "PGM0409": Code("improper distribution", is_warning=True),
    "PGM0410": Code("argument outside its support"),
    "PGM0411": Code("label given twice"),
    "PGM0412": Code("type missing"),
    "PGM0413": Code("table row is not a probability"),
    # 05xx graph
    "PGM0501": Code("directed cycle"),
    "PGM0502": Code("partly directed cycle through a field"),
    "PGM0503": Code("factor without a field"),
    "PGM0504": Code("latent in a field's factors where log Z is not exact", exit=69),
    "PGM0505": Code("field that nothing confines", is_warning=True),
    # 06xx methods and queries
    "PGM0601": Code("no method for this model", exit=69),
    "PGM0602": Code("method does not fit this model", exit=69),
    "PGM0603": Code("too wide for exact inference", exit=69),
    "PGM0604": Code("unknown method", exit=64),
    "PGM0605": Code("verb still to come", exit=69),
    "PGM0606": Code("query not understood", exit=64),
    "PGM0607": Code("unknown name in query", exit=64),
    "PGM0608": Code("`do` on a field", exit=69),
    "PGM0609": Code("evidence has probability zero"),
    "PGM0610": Code("parameters not known", exit=69),
    "PGM0611": Code("not enough memory for this", exit=69),
    "PGM0612": Code("unknown option", exit=64),
    # 07xx data
    "PGM0701": Code("file not found", exit=66),
    "PGM0702": Code("unreadable data file"),
    "PGM0703": Code("ragged row"),
    "PGM0704": Code("column name twice"),
    "PGM0705": Code("unknown label in data"),
    "PGM0706": Code("value outside the support"),
    "PGM0707": Code("no rows"),
    "PGM0708": Code("no column bound"),
    "PGM0709": Code("near-miss of a column name"),
    "PGM0710": Code("missing cell where none is allowed"),
    "PGM0711": Code("no value in a column", is_warning=True),
    "PGM0712": Code("column claimed twice"),
    "PGM0713": Code("column for a derived name"),
    "PGM0714": Code("which table is whose"),
    "PGM0715": Code("outer plate's column not constant"),
    "PGM0716": Code("weight or count invalid"),
    "PGM0717": Code("shape of an array does not fit"),
    "PGM0718": Code("input without data"),
    "PGM0719": Code("too many columns"),
    "PGM0720": Code("unknown column"),
    "PGM0721": Code("cell is not a number"),
    "PGM0722": Code("text has no order"),
    "PGM0723": Code("labels that the fit has not seen", is_warning=True),
    "PGM0724": Code("a column that seems to count rows", is_warning=True),
    "PGM0725": Code("rows that lack an input", is_warning=True),
    "PGM0726": Code("elements of which the fit holds no values", is_warning=True),
    # 08xx run time
    "PGM0801": Code("not converged", is_warning=True),
    "PGM0802": Code("rows or cells of a table without data", is_warning=True),
    "PGM0803": Code("log-likelihood is not finite"),
    "PGM0804": Code("stopped before the end", is_warning=True, exit=75),
    "PGM0805": Code("log-likelihood decreased", exit=70),
    "PGM0806": Code("rows of probability zero", is_warning=True),
    "PGM0807": Code("divergent transitions", is_warning=True),
    "PGM0808": Code("gradient is not finite"),
    "PGM0809": Code("a line of the model cannot be computed"),
    "PGM0810": Code("joint mode over latents of rows", is_warning=True),
    "PGM0811": Code("few effective draws", is_warning=True),
    "PGM0812": Code("guide without a part in the method", is_warning=True),
    "PGM0899": Code("internal error", exit=70),
    # 09xx files
    "PGM0901": Code("cannot write", exit=73),
    "PGM0902": Code("output exists", exit=73),
    "PGM0903": Code("not a fit"),
    "PGM0904": Code("fit of another version"),
    "PGM0905": Code("BIF not understood"),
    "PGM0906": Code("UAI not understood"),
    "PGM0907": Code("cannot be said in this format", exit=69),
    "PGM0908": Code("I/O error", exit=74),
    "PGM0909": Code("optional package missing", exit=69),
    "PGM0910": Code("Gaussian JSON not understood"),
}


def exit_code(code: str) -> int:
    """Exit status of ``pgmc`` for an error of this code."""
    return code_row(code).exit


def code_row(code: str) -> Code:
    """The row of a code, of pgmlang or of a package beside it. Raises KeyError for an unknown one."""
    row = CODES.get(code) or plugins.plugin(plugins.CODES, code, Code)
    if row is None:
        raise KeyError(f"unknown diagnostic code {code}")
    return row
