"""What a table holds: the kind of every column as it is seen, and remarks on what to mend before it is modelled."""

from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.description import Description, describe
from pgmlang.profile.registry import REMARKS, register, remarks_on, sure_options
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile, profile

__all__ = [
    "REMARKS",
    "ColumnProfile",
    "Description",
    "Remark",
    "RemarkKind",
    "TableProfile",
    "describe",
    "profile",
    "register",
    "remarks_on",
    "sure_options",
]
