"""What manifests mean once their author's slips are mended."""

from service.cluster.manifests import load_text
from service.model.kinds.host_endpoint import HostEndpoint

BLANK = "\u00a0"


def _loaded(text):
    return load_text(text, "test.yaml")


def test_manifests_without_slips_have_no_other_meaning():
    loaded = _loaded("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    assert loaded.mended is None


def test_indentation_by_non_breaking_spaces_is_meant_as_spaces():
    loaded = _loaded(
        "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n name: w1\n"
        f"spec:\n {BLANK} node: w1\n {BLANK} interfaceName: eth0\n"
    )
    assert not loaded.snapshot.all(HostEndpoint)
    assert [hep.interface_name for hep in loaded.mended.all(HostEndpoint).values()] == ["eth0"]


def test_a_spec_under_metadata_is_meant_beside_it():
    loaded = _loaded(
        "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\n"
        "metadata:\n  name: w1\n  spec: {node: w1, interfaceName: eth0}\n"
    )
    assert not loaded.snapshot.all(HostEndpoint)
    assert [hep.node for hep in loaded.mended.all(HostEndpoint).values()] == ["w1"]
