"""What all tables share.

No table of reports has a row order: on SQLite `WITHOUT ROWID`, ids are UUID4, and `sweep` stores all rows anew.
No column holds a time finer than a week, but for rows that are deleted within hours (threat model T3).
"""

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Enum, Table
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

NO_ROW_ORDER: Final[dict[str, Any]] = {"sqlite_with_rowid": False}


def is_unordered(table: Table) -> bool:
    """Whether the order of its rows would tell something: then `sweep` stores them anew."""
    return not table.dialect_options["sqlite"]["with_rowid"]


def _values(enum: type[StrEnum]) -> list[str]:
    return [item.value for item in enum]


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, repr=False):
    """Typed rows whose constructors mypy checks, with no repr that could leak."""


def enum_column(enum: type[StrEnum], name: str) -> Enum:
    """Store values, not names, with a check that the database itself makes."""
    return Enum(enum, values_callable=_values, create_constraint=True, native_enum=False, name=name)
