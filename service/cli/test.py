"""``nodeward test``: case folders, ours and anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@click.command("test")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True)
def test(folders: tuple[str, ...]) -> ExitCode:
    """Run the cases in each DIR, which is a case itself or holds case folders.

    A case is a folder with cluster.yaml, expect.yaml and, if it reviews, request.yaml. Exits with 1 if
    a case fails, 3 if one cannot be read or there is none.
    """
    from service.errors import InputError

    passed = failed = unreadable = 0
    for folder in _cases(folders):
        try:
            lines = _differences(folder)
        except InputError as error:
            unreadable += 1
            click.echo(f"ERROR {folder}: {error}")
            continue
        failed += bool(lines)
        passed += not lines
        click.echo(f"{'FAIL ' if lines else 'ok   '} {folder}")
        for line in lines:
            click.echo(f"      {line}")
    broken = f", {unreadable} unreadable" if unreadable else ""
    click.echo(f"{passed} passed, {failed} failed{broken}")
    if unreadable:
        return ExitCode.UNREADABLE
    return ExitCode.FINDINGS if failed else ExitCode.CLEAN


def _differences(folder: Path) -> Sequence[str]:
    from service.audit.cases import Engine, load_case

    case = load_case(folder)
    return [*case.expectation.differences(Engine.of(case), case.reviews)]


def _cases(folders: Sequence[str]) -> Iterator[Path]:
    """The case folders: those given that hold a cluster or an expectation, else what they hold.

    Raises: ManifestError for a folder without any.
    """
    from service.audit.cases import CLUSTER, EXPECTATION
    from service.errors import ManifestError, SourceLocation

    for folder in map(Path, folders):
        if (folder / EXPECTATION).exists() or (folder / CLUSTER).exists():
            yield folder
            continue
        inside = sorted(path for path in folder.glob("*/") if not path.name.startswith("."))
        if not inside:
            raise ManifestError("there is no case here", location=SourceLocation(str(folder)))
        yield from inside


COMMAND = test
