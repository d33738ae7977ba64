from datetime import UTC, datetime, timedelta

import pytest

from certs.renewal import Action, ServerState, State, Validity, due

START = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = Validity(START, START + timedelta(days=3000))
SERVER = Validity(START, START + timedelta(days=90))
HOSTS = frozenset({"localhost"})


def held(*, hosts=HOSTS, usable=True) -> State:
    return State(AUTHORITY, ServerState(SERVER, hosts, usable))


def test_a_certificate_is_due_after_two_thirds_of_its_life():
    assert SERVER.renew_at == START + timedelta(days=60)


def test_an_empty_folder_needs_an_authority():
    assert due(State(None, None), HOSTS, START) is Action.FOUND_AUTHORITY


def test_an_authority_without_server_certificate_issues_one():
    assert due(State(AUTHORITY, None), HOSTS, START) is Action.ISSUE_SERVER


@pytest.mark.parametrize(
    ("day", "action"), [(59, Action.KEEP), (60, Action.ISSUE_SERVER), (91, Action.ISSUE_SERVER)]
)
def test_the_server_certificate_is_kept_until_it_is_due(day, action):
    assert due(held(), HOSTS, START + timedelta(days=day)) is action


def test_a_server_certificate_that_cannot_be_used_is_replaced():
    assert due(held(usable=False), HOSTS, START) is Action.ISSUE_SERVER


def test_a_new_host_needs_a_new_server_certificate():
    assert due(held(), HOSTS | {"webhook.example"}, START) is Action.ISSUE_SERVER


def test_a_host_that_is_no_longer_asked_for_needs_nothing():
    assert due(held(hosts=HOSTS | {"webhook.example"}), HOSTS, START) is Action.KEEP


@pytest.mark.parametrize("day", [2000, 4000])
def test_an_authority_that_is_due_comes_before_everything_else(day):
    assert due(held(), HOSTS, START + timedelta(days=day)) is Action.REPLACE_AUTHORITY
