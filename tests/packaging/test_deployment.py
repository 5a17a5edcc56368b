"""The manifests and the load balancer's configuration, held against their schemas and against what the server has."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # the package has no types
import pytest
import yaml

from filewarden.config.load import load
from filewarden.transports.http import metrics
from filewarden.workers.catalogue import CATALOGUE

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
Json = dict[str, Any]


def manifests() -> Iterator[Json]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> Json:
    (found,) = (manifest for manifest in manifests() if manifest["kind"] == kind)
    return dict(found)


def test_every_manifest_fits_the_schema_of_its_kind() -> None:
    version = kubernetes_validate.latest_version()
    kinds = []
    for manifest in manifests():
        if manifest["kind"] != "Kustomization":  # its schema is not among them
            kubernetes_validate.validate(manifest, version, strict=True)
            kinds.append(manifest["kind"])
    assert sorted(kinds) == [
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Service",
    ]  # fmt: skip
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**of_kind("Service"), "spek": {}}, version, strict=True)


def test_the_customization_names_every_manifest() -> None:
    listed = of_kind("Kustomization")["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS if path.name != "kustomization.yaml"]


def test_the_container_has_no_rights_that_it_does_not_need() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod["automountServiceAccountToken"]
    writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"tmp"}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_configuration_is_one_that_the_server_takes(tmp_path: Path) -> None:
    text = of_kind("ConfigMap")["data"]["config.toml"]
    (root,) = tomllib.loads(text)["roots"]
    (tmp_path / "data").mkdir()
    file = tmp_path / "config.toml"
    file.write_text(text.replace(root["path"], str(tmp_path / "data"), 1))
    settings = load(["--config", str(file)], {"HOME": str(tmp_path)}).settings
    assert settings.http.enabled
    pod = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert settings.http.port == pod["ports"][0]["containerPort"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (field,) = pod[probe]["httpGet"]["httpHeaders"]
        assert field == {"name": "Host", "value": f"localhost:{settings.http.port}"}


def test_scaling_goes_by_a_metric_that_there_is() -> None:
    named = of_kind("HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert f'"{named.removeprefix("filewarden_")}"' in Path(metrics.__file__).read_text()


def test_the_load_balancer_asks_again_only_for_what_reads() -> None:
    readers = (DEPLOY / "haproxy" / "readers.lst").read_text().split()
    assert readers == [tool.name for tool in CATALOGUE if not tool.writes]
