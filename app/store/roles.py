"""The three roles of a PostgreSQL database: what each face may do, as data (docs/adr/0012).

Hygiene, not evidence: a mistake or a broken intake is stopped here; the owner of the database is stopped by keys and signatures.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, text

from app.store.base import Base

Grants = Mapping[str, Mapping[str, str]]

_READ: Final = "SELECT"
_ADD: Final = "SELECT, INSERT"
_EDIT: Final = "SELECT, INSERT, UPDATE"
_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"

ROLES: Final[Grants] = {
    "intake": {
        "alembic_version": _READ,
        "manifest": _READ,
        "manifest_draft": _READ,
        "reply": _READ,
        "dedupe": "SELECT, INSERT, DELETE",
        "report": "INSERT",
        "key_wrap": "INSERT",
    },
    "desk": {
        "alembic_version": _READ,
        "ledger_entry": _ADD,
        "ledger_head": "SELECT, UPDATE",
        "manifest": _ADD,
        "manifest_draft": _EDIT,
        "report": "SELECT, UPDATE",
        "message": _EDIT,
        "reply": _ADD,
        "source_request": _ADD,
        "seen": _EDIT,
        "key_wrap": _ALL,
        "member": _EDIT,
        "invitation": _ALL,
        "member_session": _ALL,
        "lease": _ALL,
        "case": _EDIT,
        "incident": _EDIT,
        "act": _EDIT,
        "person": _EDIT,
        "reference": _EDIT,
        "finding": _EDIT,
        "approval": _ADD,
    },
    "audit": {
        "alembic_version": _READ,
        "ledger_entry": _ADD,
        "ledger_head": "SELECT, UPDATE",
        "manifest": _READ,
        "manifest_draft": _READ,
        "key_wrap": _ADD,
        "member": "SELECT, UPDATE",
        "member_session": _ALL,
        "lease": _ALL,
    },
}
_VERBS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


def role_of(face: str) -> str:
    """Return the database role of a face."""
    return f"paivand_{face}"


def grant_all(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Create the roles that are missing, and give each exactly what it may; to be run by the owner after each upgrade.

    Args:
        connection: the owner's, in a transaction.
        passwords: face → password; a role without one keeps what it has (a new one cannot sign in by password).
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    database = quote(connection.scalar(text("SELECT current_database()")) or "")
    connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    connection.exec_driver_sql("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for face, grants in ROLES.items():
        role = role_of(face)
        if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(
            f"ALTER ROLE {role} LOGIN NOINHERIT"
        )  # more than that `excess` finds: only a superuser could take it away
        if face in passwords:
            secret = connection.scalar(text("SELECT quote_literal(:password)"), {"password": passwords[face]})
            connection.exec_driver_sql(f"ALTER ROLE {role} PASSWORD {secret}")
        connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {role}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {role}")
        connection.exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        for table, verbs in grants.items():
            connection.exec_driver_sql(f"GRANT {verbs} ON TABLE {quote(table)} TO {role}")


def are_there(connection: Connection) -> bool:
    """Whether the roles were created already."""
    return bool(
        connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = ANY(:names)"), {"names": [role_of(face) for face in ROLES]})
    )


def excess(connection: Connection, face: str) -> list[str]:
    """Return what the role of this connection may do beyond its face, in words for the operator."""
    return list(_excess(connection, face))


def _excess(connection: Connection, face: str) -> Iterator[str]:
    role = connection.execute(text("SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user")).one()
    if any(role):
        yield "it is a superuser, or may become one"
        return
    for table in sorted({*Base.metadata.tables, "alembic_version"}):
        allowed = ROLES[face].get(table, "").split(", ")
        for verb in _VERBS:
            asked = {"table": f'public."{table}"', "verb": verb}
            if verb not in allowed and connection.scalar(text("SELECT has_table_privilege(:table, :verb)"), asked):
                yield f"it may {verb} on {table}"
