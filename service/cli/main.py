"""The command ``nodeward``: finds its commands, and turns every ending into an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from service import registry
from service.cli.exit_code import ExitCode
from service.errors import AuditorError, EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_COMMANDS = ("main", "exit_code", "options", "progress")


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> ExitCode:
    """Run one command line; the only place where an error becomes an exit code."""
    try:
        return _invoke(arguments)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit: let that write go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except EngineError as error:
        return _report_bug(error)
    except AuditorError as error:
        click.echo(f"nodeward: {error}", err=True)
        return ExitCode.UNREADABLE
    except Exception as error:  # noqa: BLE001  # the last door: a user never sees a stack trace
        return _report_bug(error)


def _invoke(arguments: Sequence[str]) -> ExitCode:
    """The code that the command returned. click's own ``main`` would turn a broken pipe into 1."""
    group = root()
    try:
        with group.make_context("nodeward", list(arguments)) as context:
            code = ExitCode(group.invoke(context) or ExitCode.CLEAN)
    except click.exceptions.Exit as ending:
        code = ExitCode(ending.exit_code)
    click.echo(nl=False)  # flushes: a broken pipe shows here, while it can still be told
    return code


def root() -> click.Group:
    """The group ``nodeward`` with every command of this package."""
    return click.Group(
        "nodeward",
        commands=registry.discover(__package__, "COMMAND", click.Command, apart=_NO_COMMANDS),
        params=[
            click.Option(
                ["--config"],
                metavar="FILE",
                type=click.Path(exists=True, dir_okay=False),
                expose_value=False,
                callback=_name_config,
                help="A YAML file of settings (docs/settings.md); the environment wins over it.",
            ),
            _setting_option(
                "--profile", "cluster.profile", "The Calico release of the cluster, such as v3.30."
            ),
            _setting_option("--dataplane", "dataplane", "auto, iptables, nftables, ipvs or bpf."),
        ],
        help="Guards node ports and the API server of a Kubernetes cluster that runs Calico.",
        epilog="Exit codes: 0 clean, 1 findings, 2 usage, 3 input or source unreadable, 70 bug.",
    )


def _name_config(_context: click.Context, _option: click.Parameter, path: str | None) -> None:
    """The environment carries the choice, so that worker processes read the same file."""
    if path is not None:
        os.environ["NODEWARD_CONFIG"] = path


def _setting_option(flag: str, name: str, text: str) -> click.Option:
    """An option that stands for a setting, and wins over the environment and the file."""
    variable = "NODEWARD_" + name.upper().replace(".", "_")

    def choose(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = value

    return click.Option(
        [flag], metavar="TEXT", expose_value=False, callback=choose, help=text + f" Setting {name}."
    )


def _report_bug(error: Exception) -> ExitCode:
    if os.environ.get("NODEWARD_DEBUG"):
        traceback.print_exception(error)
    click.echo(
        f"nodeward: a defect of Nodeward itself: {type(error).__name__}: {error}\n"
        "Please report it; NODEWARD_DEBUG=1 shows where it happened.",
        err=True,
    )
    return ExitCode.BUG
