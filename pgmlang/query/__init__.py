"""Questions and answers: the query language, and what answers it."""

from pgmlang.query.answer import Answer
from pgmlang.query.draws import DrawAnswers
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.parse import Evidence, Query, parse_conditions, parse_evidence, parse_query
from pgmlang.query.rows import Columns, in_table_order, row_order, sample

__all__ = [
    "Answer",
    "Columns",
    "DrawAnswers",
    "Evidence",
    "NetworkAnswers",
    "Query",
    "in_table_order",
    "parse_conditions",
    "parse_evidence",
    "parse_query",
    "row_order",
    "sample",
]
