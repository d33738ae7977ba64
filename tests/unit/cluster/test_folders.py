"""What in a folder is read."""

from service.cluster.manifests import load_paths

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
KUSTOMIZATION = (
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
)


def test_a_document_without_a_name_is_skipped_where_its_kind_is_not_read(tmp_path):
    (tmp_path / "a.yaml").write_text(NAMESPACE)
    (tmp_path / "kustomization.yaml").write_text(KUSTOMIZATION)
    loaded = load_paths([str(tmp_path)])
    assert ({"kustomize.config.k8s.io/v1beta1 Kustomization": 1}, ()) == (
        loaded.skipped,
        loaded.errors,
    )


def test_a_mounted_config_map_is_read_once(tmp_path):
    data = tmp_path / "..2026_11_23"
    data.mkdir()
    (data / "a.yaml").write_text(NAMESPACE)
    (tmp_path / "..data").symlink_to(data)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert load_paths([str(tmp_path)]).documents == 1
