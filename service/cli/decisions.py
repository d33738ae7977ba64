"""``nodeward decisions``: what the admission doors of this host have decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

_POLL_S = 0.5


@click.command("decisions")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--answer", default="", help="allowed, warned, denied, overridden or unjudged.")
@click.option("--operation", default="", help="CREATE, UPDATE or DELETE.")
@click.option("--kind", default="", help="Kind of the object.")
@click.option("--namespace", default="", help="Namespace of the object.")
@click.option("--name", default="", help="Name of the object.")
@click.option("--user", default="", help="Who asked.")
@click.option("--review", default="", help="Uid of the review, as in the API server's audit log.")
@click.option("--check", default="", help="Id of a check that had something to say.")
@click.option("--since", default="", help="From this moment on: RFC 3339 in UTC, or its beginning.")
@click.option(
    "--follow", is_flag=True, help="Go on with what is decided from now on, until Ctrl-C."
)
@click.option("--json", "as_json", is_flag=True, help="Whole records, one JSON document a line.")
def decisions(
    folder: Path, *, check: str, since: str, follow: bool, as_json: bool, **wanted: str
) -> ExitCode:
    """Show the decisions in the journal FOLDER, oldest first.

    Every filter that is given restricts. Exits with 3 if a record was damaged after it was written.
    """
    import time

    from service.journal.reader import Reader

    reader = Reader(folder)
    told = 0
    while True:
        for record in reader.records():
            if _is_wanted(record, wanted, check=check, since=since):
                _tell(record, as_json=as_json)
        for place in reader.damaged[told:]:
            click.echo(f"nodeward: damaged record at {place}", err=True)
        told = len(reader.damaged)
        if not follow:
            return ExitCode.UNREADABLE if reader.damaged else ExitCode.CLEAN
        time.sleep(_POLL_S)


def _is_wanted(
    record: Mapping[str, object], wanted: Mapping[str, str], *, check: str, since: str
) -> bool:
    findings = record.get("findings")
    found = [one.get("check") for one in findings] if isinstance(findings, list) else []
    return (
        all(value in {"", record.get(name)} for name, value in wanted.items())
        and (not check or check in found)
        and str(record.get("at", "")) >= since
    )


def _tell(record: Mapping[str, object], *, as_json: bool) -> None:
    import orjson

    click.echo(orjson.dumps(record) if as_json else _line(record))


def _line(record: Mapping[str, object]) -> str:
    """A decision on one line, without anything that steers a terminal."""
    name = "/".join(filter(None, (str(record["namespace"]), str(record["name"]))))
    findings = record["findings"]
    reasons = (
        sorted({f"{one['check']}/{one['reason']}" for one in findings})
        if isinstance(findings, list)
        else []
    )
    words = (
        record["at"],
        str(record["answer"]).upper(),
        record["operation"],
        record["kind"],
        name,
        f"by {record['user']}",
        *reasons,
        record["id"],
    )
    text = "  ".join(map(str, words))
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


COMMAND = decisions
