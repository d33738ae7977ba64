"""Records become a report, with the command that repeats the audit."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from service.audit.report import report, setting_text, verify_command
from service.audit.run import recorded
from service.checks.run import checks
from service.settings import TABLE, Settings
from tests.result_factories import make_finding, make_run

EVERY = tuple(check.id for check in checks())


def make(**settings):
    told = recorded(replace(Settings(), **settings))
    return make_run(checks=EVERY, settings=told, sources=("a.yaml", "my files"))


def test_a_report_tells_the_run_and_its_findings():
    told = report(make(), [make_finding(0)])

    assert told.run["id"] == make().id
    assert list(told.findings) == [make_finding(0).document]


def test_the_command_quotes_its_paths():
    assert verify_command(make()) == "nodeward audit a.yaml 'my files'"


def test_the_command_names_the_checks_where_some_were_chosen():
    run = replace(make(), checks=("nodeport-unguarded",))

    assert "--check=nodeport-unguarded" in shlex.split(verify_command(run))


def test_the_command_gives_every_setting_that_is_not_the_default():
    run = make(
        sources_trusted=("10.0.0.0/8", "fd00::/8"),
        node_port_range=(31000, 31999),
        apiserver_endpoints=(("10.0.0.1", 443), ("fd00::1", 6443)),
        unknown="deny",
    )

    given = dict(word.split("=", 1) for word in shlex.split(verify_command(run)) if "=" in word)

    assert given == {
        "NODEWARD_SOURCES_TRUSTED": "10.0.0.0/8,fd00::/8",
        "NODEWARD_NODE_PORT_RANGE": "31000-31999",
        "NODEWARD_APISERVER_ENDPOINTS": "10.0.0.1:443,[fd00::1]:6443",
        "NODEWARD_UNKNOWN": "deny",
    }


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_setting_is_told_as_it_is_read(row):
    told = recorded(Settings()).get(row.name, row.default)

    assert row.parse(setting_text(told)) == row.parse(row.default)
