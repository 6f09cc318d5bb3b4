"""The three roles of a PostgreSQL database: what each face may do, as data (docs/adr/0012).

Hygiene, not evidence: a mistake or a broken intake is stopped here; the owner of the database is stopped by keys and signatures.
`tests/test_roles.py` holds this table against what the server asks for while people work: nothing is missing, nothing is idle.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, text

Grants = Mapping[str, Mapping[str, str]]

ROLES: Final[Grants] = {
    "intake": {
        "alembic_version": "SELECT",
        "manifest": "SELECT",
        "manifest_draft": "SELECT (id, body, signatures)",
        "reply": "SELECT",
        "dedupe": "SELECT, INSERT, DELETE",
        "report": "INSERT (id, week, body, state, version)",
        "key_wrap": "INSERT (record, part, version, recipient, epoch, sealed)",
    },
    "desk": {
        "alembic_version": "SELECT",
        "ledger_entry": "SELECT, INSERT",
        "ledger_head": "SELECT, UPDATE (size, root, frontier)",
        "manifest": "SELECT, INSERT",
        "manifest_draft": "SELECT, INSERT, UPDATE (body, signatures, lifter, version)",
        "report": "SELECT, UPDATE (state, owner, summary, work, version)",
        "message": "SELECT, INSERT, UPDATE (letter, releaser, state, version)",
        "reply": "INSERT",
        "source_request": "INSERT",
        "seen": "SELECT, INSERT, UPDATE (sealed)",
        "key_wrap": "SELECT, INSERT, DELETE",
        "member": "SELECT, INSERT, UPDATE (blob, version, public), DELETE",
        "invitation": "SELECT, INSERT, UPDATE (body, version), DELETE",
        "member_session": "SELECT, INSERT, UPDATE (manifest_epoch, seen, sealed), DELETE",
        "lease": "SELECT, INSERT, UPDATE (expires), DELETE",
        "case": "SELECT, INSERT, UPDATE (state, body, version)",
        "incident": "SELECT, INSERT, UPDATE (body, version)",
        "act": "SELECT, INSERT",
        "person": "SELECT, INSERT",
        "reference": "SELECT, INSERT",
        "finding": "SELECT, INSERT, UPDATE (state, body, version)",
        "approval": "SELECT, INSERT, DELETE",
    },
    "audit": {
        "alembic_version": "SELECT",
        "ledger_entry": "SELECT, INSERT",
        "ledger_head": "SELECT, UPDATE (size, root, frontier)",
        "manifest": "SELECT",
        "manifest_draft": "SELECT (id, body, signatures)",
        "key_wrap": "SELECT, INSERT",
        "member": "SELECT, UPDATE (blob, version)",
        "member_session": "SELECT, INSERT, UPDATE (manifest_epoch, seen, sealed), DELETE",
        "lease": "SELECT (session_id), DELETE",
    },
}
_RIGHT: Final = re.compile(r"(\w+)(?: \(([\w, ]+)\))?")
_ATTRIBUTES: Final = (
    "it may create roles",
    "it may create databases",
    "it may copy the whole server",
    "it passes over the security of rows",
)  # in the order of _ROLE
_ROLE: Final = text("SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user")
_OTHERS: Final = text("SELECT rolname FROM pg_roles WHERE rolname <> current_user AND pg_has_role(oid, 'MEMBER') ORDER BY rolname")
_OWNS: Final = text(
    "SELECT EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba = current_user::regrole) "
    "OR EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner = current_user::regrole)"
)
_MAKES: Final = text(
    "SELECT verb FROM (VALUES ('CREATE'), ('TEMPORARY')) AS verbs (verb) WHERE has_database_privilege(current_database(), verb) "
    "UNION ALL SELECT 'CREATE in schema ' || nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE') ORDER BY 1"
)
_HOLDS: Final = text(  # every right that this server knows; a column only where its whole table is not held
    "WITH tables AS (SELECT oid, relname, relowner FROM pg_class "
    "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')) "
    "SELECT relname, privilege_type, '' FROM tables, aclexplode(acldefault('r', relowner)) WHERE has_table_privilege(oid, privilege_type) "
    "UNION ALL SELECT relname, verb, attname FROM tables JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped, "
    "(VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) AS verbs (verb) "
    "WHERE has_column_privilege(oid, attnum, verb) AND NOT has_table_privilege(oid, verb) ORDER BY 1, 2, 3"
)


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
    connection.exec_driver_sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC")
    for face, grants in ROLES.items():
        role = role_of(face)
        if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            connection.exec_driver_sql(f"CREATE ROLE {role}")
        # what it may beyond that `excess` finds: only a superuser could take it away
        connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN NOINHERIT")
        if face in passwords:
            secret = connection.scalar(text("SELECT quote_literal(:password)"), {"password": passwords[face]})
            connection.exec_driver_sql(f"ALTER ROLE {role} PASSWORD {secret}")
        connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {database} FROM {role}")
        connection.exec_driver_sql(f"REVOKE ALL ON SCHEMA public FROM {role}")
        connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {role}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {role}")
        connection.exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        for table, rights in grants.items():
            connection.exec_driver_sql(f"GRANT {rights} ON TABLE {quote(table)} TO {role}")


def are_there(connection: Connection) -> bool:
    """Whether the roles were created already."""
    return bool(
        connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = ANY(:names)"), {"names": [role_of(face) for face in ROLES]})
    )


def excess(connection: Connection, face: str) -> list[str]:
    """Return what the role of this connection may do beyond its face, in words for the operator."""
    return list(_excess(connection, face))


def _excess(connection: Connection, face: str) -> Iterator[str]:
    is_superuser, *attributes = connection.execute(_ROLE).one()
    if is_superuser:
        yield "it is a superuser"
        return
    yield from (words for words, is_held in zip(_ATTRIBUTES, attributes, strict=True) if is_held)
    yield from (f"it may act as {other}" for other in connection.scalars(_OTHERS))
    if connection.scalar(_OWNS):
        yield "it owns the database or its tables"
        return
    yield from (f"it may {makes}" for makes in connection.scalars(_MAKES))
    allowed = _allowed(face)
    for table, verb, column in connection.execute(_HOLDS):
        if not allowed & {(table, verb, ""), (table, verb, column)}:
            yield f"it may {verb} on {table}" + (f" ({column})" if column else "")


def _allowed(face: str) -> set[tuple[str, str, str]]:
    """Return (table, verb, column) of each right of a face; no column: the whole table."""
    return {
        (table, verb, column)
        for table, rights in ROLES[face].items()
        for verb, columns in _RIGHT.findall(rights)
        for column in columns.split(", ")
    }
