"""In which order the tools of operators write a Service and its policy, and what comes of it."""

from __future__ import annotations

from functools import partial

import pytest

from tests.apiserver import bundle_cluster
from tests.kube import binaries, bundle
from tests.kube.webhook import Recorder

SERVICE_FIRST = ["Service", "GlobalNetworkPolicy"]
POLICY_FIRST = SERVICE_FIRST[::-1]


@pytest.fixture(scope="session")
def helm():
    try:
        return partial(bundle_helm, binaries.program("helm", "run `make kube`"))
    except binaries.MissingError as error:
        pytest.skip(str(error))


def bundle_helm(program, server, folder, *objects):
    return bundle.helm(server, program, folder, *objects)


@pytest.fixture
def recorder(server):
    with Recorder(server.certificates) as recorder:
        recorder.register(server.admin)
        yield recorder


def order_of(recorder, result):
    assert 0 == result.returncode, result.stderr
    return [one["kind"]["kind"] for one in recorder.reviews if one["operation"] == "CREATE"]


def test_kubectl_applies_a_folder_file_by_file(server, recorder, tmp_path):
    result = bundle.kubectl_folder(server, tmp_path, bundle.service(), bundle.guard())
    assert SERVICE_FIRST == order_of(recorder, result)


def test_kubectl_applies_a_folder_as_its_files_are_named(server, recorder, tmp_path):
    result = bundle.kubectl_folder(server, tmp_path, bundle.guard(), bundle.service())
    assert POLICY_FIRST == order_of(recorder, result)


def test_kustomize_applies_services_before_custom_resources(server, recorder, tmp_path):
    result = bundle.kustomize(server, tmp_path, bundle.guard(), bundle.service())
    assert SERVICE_FIRST == order_of(recorder, result)


def test_helm_installs_services_before_custom_resources(server, recorder, helm, tmp_path):
    result = helm(server, tmp_path, bundle.guard(), bundle.service())
    assert SERVICE_FIRST == order_of(recorder, result)


def test_helm_installs_a_hook_before_services(server, recorder, helm, tmp_path):
    hooked = bundle.guard(**bundle.HOOK)
    result = helm(server, tmp_path, bundle.service(), hooked)
    assert POLICY_FIRST == order_of(recorder, result)


def test_argo_applies_services_before_custom_resources(server, recorder, tmp_path):
    result = bundle.argo(server, tmp_path, bundle.guard(), bundle.service())
    assert SERVICE_FIRST == order_of(recorder, result)


def test_argo_applies_a_lower_wave_before_services(server, recorder, tmp_path):
    early = bundle.guard(**{bundle.WAVE: "-1"})
    result = bundle.argo(server, tmp_path, bundle.service(), early)
    assert POLICY_FIRST == order_of(recorder, result)


ADVICE = (
    "If the GlobalNetworkPolicy comes with the Service, it must be applied first: by kubectl apply of its own, "
    "as a Helm hook (pre-install,pre-upgrade), or in an earlier Argo CD sync-wave (-1). Where a deny of all node "
    "ports stands already, every order passes."
)


@pytest.fixture
def cluster(server):
    bundle_cluster.apply(server)


@pytest.fixture
def guarded(server, cluster, door):
    """A cluster whose Services and policies are judged by a door that watches it."""
    return server


@pytest.fixture(params=["kubectl", "kustomize", "helm", "argo"])
def tool(request):
    if request.param == "helm":
        return request.getfixturevalue("helm")
    tools = {"kubectl": bundle.kubectl_folder, "kustomize": bundle.kustomize, "argo": bundle.argo}
    return tools[request.param]


def test_without_a_baseline_the_service_is_refused_and_told_what_must_come_first(
    guarded, tool, tmp_path
):
    refused = tool(guarded, tmp_path / "release", bundle.service(), bundle.guard())
    assert 0 != refused.returncode
    assert "nodeport-unguarded (no-policy): node port TCP 30080" in refused.stderr
    assert ADVICE in refused.stderr


def test_with_a_baseline_every_order_passes(guarded, tool, tmp_path):
    guarded.admin.create(bundle_cluster.baseline())
    applied = tool(guarded, tmp_path / "release", bundle.service(), bundle.guard())
    assert 0 == applied.returncode, applied.stderr


def test_a_hook_of_helm_guards_its_service_in_time(guarded, helm, tmp_path):
    applied = helm(guarded, tmp_path / "release", bundle.service(), bundle.guard(**bundle.HOOK))
    assert 0 == applied.returncode, applied.stderr


def test_a_lower_wave_of_argo_guards_its_service_in_time(guarded, tmp_path):
    early = bundle.guard(**{bundle.WAVE: "-1"})
    applied = bundle.argo(guarded, tmp_path / "release", bundle.service(), early)
    assert 0 == applied.returncode, applied.stderr


def test_a_policy_whose_file_sorts_first_guards_its_service_in_time(guarded, tmp_path):
    applied = bundle.kubectl_folder(guarded, tmp_path / "r", bundle.guard(), bundle.service())
    assert 0 == applied.returncode, applied.stderr
