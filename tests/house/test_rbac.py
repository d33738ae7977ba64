"""The rights that the deployment asks for are those that the code uses."""

from __future__ import annotations

import re
from collections import defaultdict

import yaml

from service.model.kind import kinds
from tests.house.source import ROOT, modules

RBAC = ROOT / "deploy/base/rbac.yaml"
WATCHED = {"list", "watch"}
ROLES = {"ClusterRole", "Role"}
NAMES = {"nodeward-modes", "nodeward-tell", "nodeward-watch", "nodeward-webhook"}
POSTED = re.compile(
    r"/(?:apis/(?P<group>[a-z0-9.]+)|api)/v1(?:/namespaces/\{\w+\})?/(?P<plural>[a-z]+)"
)
OBJECTS = [one for one in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")) if one]


def rules(name):
    (role,) = [one for one in OBJECTS if one["kind"] in ROLES and one["metadata"]["name"] == name]
    return role["rules"]


def granted(name):
    """The verbs of each resource, by group and plural."""
    found = defaultdict(set)
    for rule in rules(name):
        for group in rule["apiGroups"]:
            for plural in rule["resources"]:
                found[group, plural] |= set(rule["verbs"])
    return dict(found)


def created():
    """What the code posts: the paths in the modules that post, by group and plural."""
    paths = [
        match
        for path in modules("service/cluster")
        if ".post(" in (text := (ROOT / path).read_text(encoding="utf-8"))
        for match in POSTED.finditer(text)
    ]
    return {(match["group"] or "", match["plural"]): {"create"} for match in paths}


def test_every_kind_that_is_read_may_be_listed_and_watched_and_nothing_else():
    read = {(gvk.group, kind.plural): WATCHED for kind in kinds() for gvk in kind.gvks}
    assert read == granted("nodeward-watch")


def test_what_the_webhook_creates_it_may_create_and_nothing_else():
    assert created() == granted("nodeward-webhook") | granted("nodeward-tell")
    assert {("", "events"), ("authorization.k8s.io", "subjectaccessreviews")} == created().keys()


def test_there_are_no_other_roles():
    roles = [one["metadata"]["name"] for one in OBJECTS if one["kind"] in {"ClusterRole", "Role"}]
    assert sorted(NAMES) == sorted(roles)


def test_of_all_config_maps_the_webhook_reads_one():
    assert [{"nodeward-modes"}] == [set(rule["resourceNames"]) for rule in rules("nodeward-modes")]
    assert {("", "configmaps"): {"get"}} == granted("nodeward-modes")


def test_nothing_is_granted_by_a_wildcard_and_no_secret_is_read():
    for role in sorted(NAMES):
        for (group, plural), verbs in granted(role).items():
            assert "*" not in {group, plural, *verbs}
            assert "secrets" != plural


def test_every_role_is_bound_to_accounts_that_are_there():
    accounts = {
        (one["metadata"]["namespace"], one["metadata"]["name"])
        for one in OBJECTS
        if one["kind"] == "ServiceAccount"
    }
    bindings = [one for one in OBJECTS if one["kind"].endswith("RoleBinding")]
    assert NAMES == {one["roleRef"]["name"] for one in bindings}
    for binding in bindings:
        for subject in binding["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts
