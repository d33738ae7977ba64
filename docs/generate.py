"""Write the pages that follow from the code; with --check, fail where they no longer do.

``make docs`` runs it; a house test runs it with --check.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.checks.run import checks
from service.cli.exit_code import ExitCode
from service.cli.main import root
from service.settings import CONFIG_VARIABLE, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.contract import Check

DOCS = Path(__file__).parent

SETTINGS_INTRO = f"""\
# Settings

A setting is given in the environment or in a YAML file that `{CONFIG_VARIABLE}` (or `--config`)
names; the environment wins. In the file, dots may be written as nesting, and lists as YAML lists:

```yaml
sources:
  trusted: [10.0.0.0/8]
apiserver.port: 7443
```

A setting that does not exist, one given twice and a value of the wrong form are errors that name
the place. Secrets are no settings.
"""

CLI_INTRO = """\
# Command line

Every command prints its answer on standard output and everything else on standard error.
`nodeward --config FILE COMMAND` takes its [settings](settings.md) from a file.

## Exit codes

| code | meaning |
|---|---|
"""

CHECKS_INTRO = """\
# Checks

Every question that Nodeward asks of a cluster. `nodeward explain CHECK` prints a check's page. The severity
is that of a check's worst finding, with its score from 0 to 10; a subject is the object that a finding is
about. Of the checks marked *tried* a failure comes with a [fix](../suggest.md), where one holds.

| check | what it finds | severity | subjects | fix |
|---|---|---|---|---|
"""

EXIT_CODES = {
    ExitCode.CLEAN: "clean",
    ExitCode.FINDINGS: "findings at or over the threshold, a refused review or a failed case",
    ExitCode.USAGE: "the command line cannot be understood",
    ExitCode.UNREADABLE: "an input or a source cannot be read; the message tells where",
    ExitCode.BUG: "a defect of Nodeward; `NODEWARD_DEBUG=1` shows where it happened",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.BROKEN_PIPE: "the reader of the output went away",
}


def settings_page() -> str:
    """docs/settings.md."""
    return "\n".join([SETTINGS_INTRO, *_settings()])


def _settings() -> Iterator[str]:
    for row in TABLE:
        default = f"`{row.default}`" if row.default else "empty"
        yield f"## {row.name}\n"
        yield f"{row.help}\n"
        yield f"`{row.variable}` · {row.form} · default {default}\n"


def cli_page() -> str:
    """docs/cli.md."""
    codes = "".join(f"| {code.value} | {EXIT_CODES[code]} |\n" for code in ExitCode)
    return CLI_INTRO + codes + "\n" + "\n".join(_commands())


def _commands() -> Iterator[str]:
    group = root()
    for name, command in sorted(group.commands.items()):
        context = click.Context(
            command, info_name=f"nodeward {name}", terminal_width=88, max_content_width=88
        )
        yield f"## nodeward {name}\n"
        yield f"```\n{command.get_help(context)}\n```\n"


def checks_page() -> str:
    """docs/checks/README.md."""
    return CHECKS_INTRO + "".join(f"{row}\n" for row in map(_check, checks()))


def _check(check: Check) -> str:
    subjects = ", ".join(sorted(check.subjects)) or "every kind that is read"
    severity = f"{check.severity} ({check.severity.score})"
    fix = "tried" if check.remedies else ""
    return f"| [{check.id}]({check.id}.md) | {check.title} | {severity} | {subjects} | {fix} |"


PAGES = {"settings.md": settings_page, "cli.md": cli_page, "checks/README.md": checks_page}


def main() -> None:
    """Write every page, or with --check compare it."""
    stale = []
    for name, page in PAGES.items():
        text = page().rstrip("\n") + "\n"
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/{name}")
    if stale:
        sys.exit(f"{', '.join(stale)}: no longer what the code says; run `make docs`")


if __name__ == "__main__":
    main()
