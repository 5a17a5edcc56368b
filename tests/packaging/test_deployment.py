"""The manifests and the load balancer's configuration, held against their schemas and against what the server has."""

import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # the package has no types
import pytest
import yaml

from filewarden.config.errors import ConfigError
from filewarden.config.load import load
from filewarden.transports.http import metrics
from filewarden.transports.http.gate import own_hosts
from filewarden.transports.sealing_keys import read_sealing_keys
from filewarden.transports.token import read_or_create_token
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


def test_secrets_as_a_cluster_mounts_them_become_files_that_the_server_takes(tmp_path: Path) -> None:
    """A secret's files are links, and may be read by a group; the server takes neither."""
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    given, secrets = tmp_path / "given", tmp_path / "secrets"
    for folder in (given / "..data", secrets):
        folder.mkdir(parents=True)
    for name, content in (("token", "a-token-of-a-cluster"), ("sealing-keys", "5" * 64)):
        (given / "..data" / name).write_text(content)
        (given / "..data" / name).chmod(0o440)
        (given / name).symlink_to(f"..data/{name}")
    with pytest.raises(ConfigError, match="symbolic link"):
        read_or_create_token(str(given / "token"))
    (first,) = pod["initContainers"]
    *shell, script = first["command"]
    subprocess.run(
        [*shell, script.replace("/given", str(given)).replace("/secrets", str(secrets))], check=True, timeout=20
    )
    settings = tomllib.loads(of_kind("ConfigMap")["data"]["config.toml"])["http"]
    token, keys = (Path(settings[key]).relative_to("/secrets") for key in ("token_file", "sealing_keys_file"))
    assert read_or_create_token(str(secrets / token)) == "a-token-of-a-cluster"
    assert read_sealing_keys(str(secrets / keys))
    assert [mount["mountPath"] for mount in first["volumeMounts"]] == ["/given", "/secrets"]


def test_the_containers_have_no_rights_that_they_do_not_need() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    for each in (container, *pod["initContainers"]):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert not pod["automountServiceAccountToken"]
    writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"tmp"}
    mounted = {mount["name"] for each in (container, *pod["initContainers"]) for mount in each["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_configuration_is_one_that_the_server_takes(tmp_path: Path) -> None:
    text = of_kind("ConfigMap")["data"]["config.toml"]
    (root,) = tomllib.loads(text)["roots"]
    (tmp_path / "data").mkdir()
    file = tmp_path / "config.toml"
    file.write_text(text.replace(root["path"], str(tmp_path / "data"), 1))
    pod = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]
    given = {
        each["name"]: each["value"].replace("$(POD_ADDRESS)", "10.1.2.3") for each in pod["env"] if "value" in each
    }
    settings = load(["--config", str(file)], {"HOME": str(tmp_path), **given}).settings
    assert settings.http.enabled
    hosts = own_hosts(settings.http.host, settings.http.port, settings.http.allowed_hosts)
    assert {"filewarden:8765", "10.1.2.3:8765", "localhost:8765"} <= hosts
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
