"""In which order the tools of operators write a Service and the policy that guards it."""

from __future__ import annotations

from functools import partial

import pytest

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
