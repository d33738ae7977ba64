"""The store in a SQLite file, by SQLAlchemy Core: durable, and safe for several threads."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import create_engine, delete, event, func, insert, inspect, or_, select, update
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from service.errors import AuditorError, ConflictError, NotFoundError, SettingsError, StoreError
from service.store import schema
from service.store.port import Backend, DecisionFilter, FindingFilter, Page, Window
from service.store.records import AuditRun, Finding, Manifest, StoredDecision, Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Connection, Engine, Row, Select

_BATCH = 1000
_BUSY_TIMEOUT_MS = 10_000
_GROWN_FROM = frozenset({1})
"""Versions that lack whole tables and nothing else."""
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
)


class SqlStore:
    """An AuditStore in tables. Each write is one transaction; readers never wait for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(
        self, run: AuditRun, findings: Iterable[Finding], manifests: Iterable[Manifest] = ()
    ) -> None:
        """Keep a whole run, or nothing of it. Raises: ConflictError if its id is taken."""
        with self._writing(f"there is already an audit {run.id}") as connection:
            connection.execute(insert(schema.runs), _run_row(run))
            for batch in _batches(_finding_row(run.id, finding) for finding in findings):
                connection.execute(insert(schema.findings), batch)
            for batch in _batches(_manifest_rows(run.id, manifests)):
                connection.execute(insert(schema.manifests), batch)

    def run(self, run_id: str) -> AuditRun:
        """The run of that id. Raises: NotFoundError."""
        query = select(schema.runs.c.document).where(schema.runs.c.id == run_id)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no audit {run_id}")
        return AuditRun.from_json(orjson.loads(row.document))

    def runs(self, window: Window) -> Page[AuditRun]:
        """The runs, newest first."""
        newest = select(schema.runs.c.document).order_by(
            schema.runs.c.started_at.desc(), schema.runs.c.id.desc()
        )
        rows, total = self._page(newest, window)
        return Page(tuple(AuditRun.from_json(orjson.loads(row.document)) for row in rows), total)

    def findings(self, run_id: str, wanted: FindingFilter, window: Window) -> Page[Finding]:
        """The wanted findings of a run, in its order; none for an id without run."""
        query = _findings_of(run_id)
        for column, value in asdict(wanted).items():
            if value:
                query = query.where(schema.findings.c[column] == value)
        rows, total = self._page(query, window)
        return Page(tuple(map(_finding, rows)), total)

    def stream(self, run_id: str) -> Iterator[Finding]:
        """Every finding of a run in its order, in bounded memory."""
        with self._reading() as connection:
            rows = connection.execution_options(yield_per=_BATCH).execute(_findings_of(run_id))
            yield from map(_finding, rows)

    def manifests(self, run_id: str) -> tuple[Manifest, ...]:
        """The texts that the run was given, in their order; none if it read files."""
        table = schema.manifests
        query = (
            select(table.c.name, table.c.content)
            .where(table.c.run_id == run_id)
            .order_by(table.c.position)
        )
        with self._reading() as connection:
            return tuple(Manifest(row.name, row.content) for row in connection.execute(query))

    def keep_decisions(self, decisions: Iterable[StoredDecision]) -> int:
        """Keep those whose id is not known yet, all or none of them; how many these were."""
        table, kept = schema.decisions, 0
        # A batch that is sent twice at the same time is no error: its rows are the same.
        new = insert(table).prefix_with("OR IGNORE", dialect="sqlite")
        with self._writing("a decision repeats another one") as connection:
            for batch in _batches(map(_decision_row, decisions)):
                rows = {row["id"]: row for row in batch}
                known = connection.scalars(select(table.c.id).where(table.c.id.in_(rows)))
                for taken in known.all():
                    del rows[taken]
                if rows:
                    connection.execute(new, list(rows.values()))
                kept += len(rows)
        return kept

    def decisions(self, wanted: DecisionFilter, window: Window) -> Page[StoredDecision]:
        """The wanted decisions, newest first."""
        table = schema.decisions
        query = select(table.c.document).order_by(table.c.at.desc(), table.c.id.desc())
        rows, total = self._page(query.where(*_conditions(wanted)), window)
        return Page(tuple(StoredDecision(orjson.loads(row.document)) for row in rows), total)

    def keep_token(self, token: Token) -> None:
        """Keep *token* in place of an earlier one of its name."""
        row = asdict(token) | {"scopes": " ".join(sorted(token.scopes))}
        with self._writing(f"token {token.name} repeats another one") as connection:
            connection.execute(delete(schema.tokens).where(schema.tokens.c.name == token.name))
            connection.execute(insert(schema.tokens), row)

    def tokens(self) -> tuple[Token, ...]:
        """Every token, by name."""
        with self._reading() as connection:
            rows = connection.execute(select(schema.tokens).order_by(schema.tokens.c.name))
            return tuple(
                Token(row.digest, row.name, row.created_at, frozenset(row.scopes.split()))
                for row in rows
            )

    def ping(self) -> None:
        """Return if the store answers."""
        with self._reading() as connection:
            connection.execute(select(schema.schema_version.c.version))

    def close(self) -> None:
        """Give back connections; the store is not used afterwards."""
        self._engine.dispose()

    def _page(self, query: Select[Any], window: Window) -> tuple[list[Row[Any]], int]:
        counted = select(func.count()).select_from(query.order_by(None).subquery())
        with self._reading() as connection:
            total = connection.execute(counted).scalar_one()
            rows = connection.execute(query.limit(window.limit).offset(window.offset)).all()
        return list(rows), total

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self, conflict: str) -> Iterator[Connection]:
        """One transaction; *conflict* tells what a key that is taken means to the caller."""
        try:
            with _translated(), self._engine.begin() as connection:
                yield connection
        except _KeyTakenError as error:
            raise ConflictError(conflict) from error


class _KeyTakenError(StoreError):
    """A row that was there already."""


@contextmanager
def _translated() -> Iterator[None]:
    """SQLAlchemy's errors as ours."""
    try:
        yield
    except IntegrityError as error:
        raise _KeyTakenError(_first_line(error)) from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database does not answer: {_first_line(error)}") from error


def _first_line(error: SQLAlchemyError) -> str:
    return str(error).partition("\n")[0]


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _run_row(run: AuditRun) -> dict[str, str]:
    return {
        "id": run.id,
        "started_at": run.started_at,
        "document": orjson.dumps(run.to_json()).decode(),
    }


def _finding_row(run_id: str, finding: Finding) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "position": finding.position,
        "fingerprint": finding.text("fingerprint"),
        "check": finding.text("check"),
        "severity": finding.text("severity"),
        "result": finding.text("result"),
        "subject": finding.subject,
        "document": orjson.dumps(finding.document).decode(),
    }


def _manifest_rows(run_id: str, manifests: Iterable[Manifest]) -> Iterator[dict[str, Any]]:
    for position, manifest in enumerate(manifests):
        yield {"run_id": run_id, "position": position, **asdict(manifest)}


def _decision_row(decision: StoredDecision) -> dict[str, Any]:
    texts = ("id", "at", "answer", "operation", "kind", "namespace", "name", "user", "review")
    return {
        **{name: decision.text(name) for name in (*texts, "before", "after")},
        "checks": f" {' '.join(sorted(decision.checks))} ",
        "document": orjson.dumps(decision.document).decode(),
    }


def _conditions(wanted: DecisionFilter) -> Iterator[ColumnElement[bool]]:
    columns = schema.decisions.c
    for name in ("answer", "operation", "kind", "namespace", "name", "user", "review"):
        if value := getattr(wanted, name):
            yield columns[name] == value
    if wanted.check:
        yield columns.checks.contains(f" {wanted.check} ", autoescape=True)
    if wanted.digest:
        yield or_(columns.before == wanted.digest, columns.after == wanted.digest)
    if wanted.since:
        yield columns.at >= wanted.since
    if wanted.until:
        yield columns.at < wanted.until


def _findings_of(run_id: str) -> Select[Any]:
    table = schema.findings
    return (
        select(table.c.position, table.c.document)
        .where(table.c.run_id == run_id)
        .order_by(table.c.position)
    )


def _finding(row: Row[Any]) -> Finding:
    return Finding(row.position, orjson.loads(row.document))


def _open(url: str) -> SqlStore:
    """The store at a ``sqlite:///path`` URL; its file is made for its owner alone.

    Raises: SettingsError for a URL without path, StoreError where the file cannot be used or has
    tables of another version.
    """
    try:
        engine = create_engine(url)
    except ArgumentError as error:
        raise SettingsError(f"{url!r} is no database URL") from error
    if engine.url.database in {None, "", ":memory:"}:
        raise SettingsError(f"{url!r} names no file; memory: is the store without one")
    _make_private(Path(str(engine.url.database)))
    event.listen(engine, "connect", _set_pragmas)
    try:
        with _translated():
            _prepare(engine)
    except AuditorError:
        engine.dispose()
        raise
    return SqlStore(engine)


def _make_private(path: Path) -> None:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401  a DBAPI connection
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        if not inspect(connection).has_table(schema.schema_version.name):
            schema.metadata.create_all(connection)
            connection.execute(insert(schema.schema_version), {"version": schema.SCHEMA_VERSION})
        found = connection.execute(select(schema.schema_version.c.version)).scalar_one_or_none()
        if found in _GROWN_FROM:
            schema.metadata.create_all(connection)
            connection.execute(update(schema.schema_version), {"version": schema.SCHEMA_VERSION})
            found = schema.SCHEMA_VERSION
    if found != schema.SCHEMA_VERSION:
        raise StoreError(
            f"{engine.url.database} has tables of version {found}, "
            f"this Nodeward works with version {schema.SCHEMA_VERSION}: start with a new file"
        )


BACKEND = Backend("sqlite", _open)
