"""``nodeward explain``."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("check", metavar="CHECK")
def explain(check: str) -> None:
    """Print the page of CHECK: what it asks, why, how Calico behaves, and what to do.

    CHECK is the id of a check, as findings name it.
    """
    from importlib.resources import files

    from service.checks.run import checks

    known = [one.id for one in checks()]
    if check not in known:
        raise click.BadParameter(
            f"there is no check {check}; there are {', '.join(known)}", param_hint="CHECK"
        )
    page = files("service.checks").joinpath("pages", f"{check}.md")
    click.echo(page.read_text("utf-8"), nl=False)


COMMAND = explain
