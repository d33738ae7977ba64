"""The tables, for every SQL backend. A change of them raises SCHEMA_VERSION."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 2

metadata = MetaData()

schema_version = Table(
    "schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("started_at", String(32), nullable=False, index=True),
    Column("document", Text, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("check", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("result", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("findings_by_check", "run_id", "check"),
    Index("findings_by_severity", "run_id", "severity"),
    Index("findings_by_subject", "run_id", "subject"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("content", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("answer", String(16), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("namespace", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("review", Text, nullable=False),
    Column("before", String(64), nullable=False),
    Column("after", String(64), nullable=False),
    Column("checks", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("decisions_by_time", "at", "id"),
    Index("decisions_by_object", "kind", "namespace", "name"),
    Index("decisions_by_answer", "answer", "at"),
    Index("decisions_by_content", "after"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", String(32), nullable=False),
    Column("scopes", Text, nullable=False),
)
