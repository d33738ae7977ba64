"""What a user would pick instead, asked the same question in the same run, where ``make bench-peers`` put it.

network-config-analyzer tells which pods may call which under policies of Kubernetes and Calico; it knows
neither host endpoints nor preDNAT policy, neither node ports nor packets from outside that a NAT rewrites.
OPA evaluates whatever one writes in Rego; the rules here compare labels for equality and know one order of
policies, and neither address sets, other selectors, tiers, failsafes nor witnesses.
"""

from __future__ import annotations

import json
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from service.checks.run import checks, judged
from service.checks.settings import CheckSettings
from service.cluster.collector import no_search
from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Snapshot
from service.net.prefixes import Family
from service.policy.connectivity import connectivity as connectivity_of
from service.policy.stages import Disposition
from service.policy.world import World
from tests.bench import connectivity
from tests.bench.cluster import Size, objects
from tests.bench.measure import Figure, compared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PEERS = Path("build/peers")
_NCA, _OPA = PEERS / "nca/bin/nca", PEERS / "opa"
_REGO = Path(__file__).with_name("nodeport.rego")
_PODS = (20, 100, 300)
_HOSTS = ((100, 100), (1_000, 1_000), (5_000, 10_000))
_LONGEST_S = 300


def beside() -> Iterator[Figure]:
    """The figures of each peer that is installed, at the sizes that it can do in five minutes."""
    checks()  # to import them is no part of an answer
    if _NCA.exists():
        for pods in _PODS:
            yield from _beside(
                f"permitted calls, {pods} pods", "network-config-analyzer", _calls(pods)
            )
    if _OPA.exists():
        for nodes, policies in _HOSTS:
            name = f"one node port, {nodes} host endpoints, {policies} policies"
            yield from _beside(name, "OPA", _node_port(nodes, policies))


def _beside(name: str, peer: str, question: _Asked) -> Iterator[Figure]:
    start = time.process_time()
    question.ours()
    mine = Figure(f"{name}: Nodeward", (time.process_time() - start) * 1000, "ms")
    yield mine
    with TemporaryDirectory() as folder:
        command = question.theirs(Path(folder))
        # The limit is of processor time: other work on the machine does not count against the peer.
        bounded = ["sh", "-c", f'ulimit -t {_LONGEST_S} && exec "$@"', "sh", *command]
        start = _children_s()
        done = subprocess.run(bounded, capture_output=True, check=False)
        took = Figure("", (_children_s() - start) * 1000, "ms")
    if took.value >= (_LONGEST_S - 1) * 1000:
        yield compared(f"{name}: {peer}, not within", _LONGEST_S * 1000, "ms", to=mine)
    elif done.returncode or not question.is_answer(done.stdout.decode()):
        raise RuntimeError(f"{peer} gave no answer: {(done.stdout or done.stderr)[-500:]!r}")
    else:
        yield compared(f"{name}: {peer}", took.value, "ms", to=mine)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question, put to Nodeward and to a peer; ``theirs`` writes what it needs into a folder."""

    ours: Callable[[], object]
    theirs: Callable[[Path], list[str]]
    is_answer: Callable[[str], bool]


def _calls(pods: int) -> _Asked:
    listed = list(connectivity.objects(pods))

    def ours() -> object:
        found = connectivity_of(_world(listed), Family.V4)
        return found.classes, found.answer.space(Family.V4, Disposition.ALLOWED)

    def theirs(folder: Path) -> list[str]:
        with (folder / "cluster.yaml").open("w") as stream:
            yaml.safe_dump_all(listed, stream)
        where = str(folder)
        return [str(_NCA), "--connectivity", where, "-n", where, "-p", where]

    return _Asked(ours, theirs, lambda text: "dst_ports:80" in text)


def _node_port(nodes: int, policies: int) -> _Asked:
    listed = list(objects(Size(nodes, policies, 0, 1)))

    def ours() -> object:
        found = list(judged(_world(listed), CheckSettings(), {"nodeport-unguarded"}))
        if [one.reason for one in found] != ["guarded"]:
            raise RuntimeError("the node port is guarded")
        return found

    def theirs(folder: Path) -> list[str]:
        data = folder / "input.json"
        data.write_text(json.dumps(_for_rego(listed)))
        query = "count(data.nodeport.open)"
        return [str(_OPA), "eval", "-d", str(_REGO), "-i", str(data), "-f", "raw", query]

    return _Asked(ours, theirs, lambda text: text.strip() == "0")


def _for_rego(listed: Iterable[dict[str, object]]) -> dict[str, object]:
    """The objects in the form that the rules take: selectors as maps of labels, nets and ports as lists."""
    by_kind: dict[str, list[dict[str, object]]] = {}
    for one in listed:
        by_kind.setdefault(one["kind"], []).append(one)
    return {
        "port": by_kind["Service"][0]["spec"]["ports"][0]["nodePort"],
        "endpoints": [
            {"name": one["metadata"]["name"], "labels": one["metadata"]["labels"]}
            for one in by_kind["HostEndpoint"]
        ],
        "policies": [_policy(one["spec"]) for one in by_kind["GlobalNetworkPolicy"]],
    }


def _policy(spec: dict[str, object]) -> dict[str, object]:
    tests = (one.split(" == ") for one in spec["selector"].split(" && "))
    rules = [
        {
            "action": one["action"],
            "nets": one.get("source", {}).get("nets", list(one.get("source", {}).values())),
            "ports": one.get("destination", {}).get("ports", []),
        }
        for one in spec["ingress"]
    ]
    labels = {key: value.strip("'") for key, value in tests}
    prednat = spec.get("preDNAT", False)
    return {"order": spec.get("order", 0), "prednat": prednat, "labels": labels, "rules": rules}


def _world(listed: Iterable[dict[str, object]]) -> World:
    where = SourceLocation("bench.json")
    with no_search():
        read = (decode_object(one, where) for one in listed)
        return World(Snapshot.of(one for one in read if isinstance(one, Decoded)))
