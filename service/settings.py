"""What an owner may set: one frozen dataclass whose fields are the table of settings.

A setting has a dotted name (``sources.trusted``), an environment variable
(``NODEWARD_SOURCES_TRUSTED``) and an attribute (``sources_trusted``), each made from the name. The
environment wins over the YAML file that ``NODEWARD_CONFIG`` names. Both hold text, read by the
same parser; values are plain, so the floors below know nothing of this module. docs/settings.md is
generated from here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast, get_args

from environs import Env, EnvValidationError

from service.errors import SettingsError, SourceLocation
from service.setting_file import read_file
from service.setting_forms import (
    CIDRS,
    ENDPOINTS,
    PORT,
    PORTS,
    ROUTES,
    Form,
    integer,
    list_of,
    matching,
    one_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

Answer = Literal["warn", "deny"]
Strictness = Literal["reject", "warn", "ignore"]
OnError = Literal["deny", "allow"]
OnJournalFailure = Literal["answer", "deny"]
Dataplane = Literal["auto", "iptables", "nftables", "ipvs", "bpf"]

CONFIG_VARIABLE: Final = "NODEWARD_CONFIG"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A row of the table. ``parse`` reads text and raises ValueError; ``default`` is text too."""

    name: str
    form: str
    default: str
    help: str
    parse: Callable[[str], T]

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "NODEWARD_" + self.attribute.upper()

    @property
    def attribute(self) -> str:
        """The field of Settings."""
        return self.name.replace(".", "_")


def _setting(name: str, form: Form[T], *, default: str = "", text: str) -> T:
    """A field of Settings that carries its own row."""
    row = Setting(name, form.words, default, text, form.parse)
    value: T = field(default=form.parse(default), metadata={"setting": row})
    return value


_NAMESPACES: Final = list_of(
    matching(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "namespace").parse, "namespaces"
)
_SELECTOR: Final = Form("Calico selector", str.strip)
_PATH: Final = Form("path", str.strip)
_URL: Final = matching(r"(https?://[^\s?#]+)?", "URL like https://audit.example.org")
_NAMES: Final = list_of(str, "names")
_PLACE: Final = matching(r"([a-z0-9.-]+/[a-z0-9.-]+)?", "namespace/name")
_MODES: Final = list_of(str, "check[@point][:namespace]=action")
_ANSWER: Final = one_of(get_args(Answer))
_STRICTNESS: Final = one_of(get_args(Strictness))
_ON_ERROR: Final = one_of(get_args(OnError))
_ON_JOURNAL_FAILURE: Final = one_of(get_args(OnJournalFailure))
_DATAPLANE: Final = one_of(get_args(Dataplane))
_VERSION: Final = matching(r"v3\.\d+", "version like v3.34")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting as a plain value; ranges are closed, CIDRs are in canonical text."""

    nodes_exposed: str = _setting(
        "nodes.exposed",
        _SELECTOR,
        text="Selector on node labels: the nodes whose node ports outsiders can reach. "
        "Empty means every node.",
    )
    node_port_range: tuple[int, int] = _setting(
        "node_port_range",
        PORTS,
        default="30000-32767",
        text="The API server's --service-node-port-range. "
        "A port not yet allocated stands for all of it.",
    )
    kube_proxy_node_port_addresses: tuple[str, ...] = _setting(
        "kube_proxy.node_port_addresses",
        CIDRS,
        text="kube-proxy's nodePortAddresses: node ports answer only on these. "
        "Empty means every address of a node.",
    )
    sources_trusted: tuple[str, ...] = _setting(
        "sources.trusted",
        CIDRS,
        text="Sources that may be left undecided at a node port without making it unguarded.",
    )
    sources_permitted: tuple[str, ...] = _setting(
        "sources.permitted",
        CIDRS,
        text="The widest set of sources that an Allow may admit to a node port; wider fails. "
        "Empty sets no bound: an Allow from everywhere only warns.",
    )
    sources_proxies: tuple[str, ...] = _setting(
        "sources.proxies",
        CIDRS,
        text="Balancers in front of the nodes that hide their clients: an Allow from them is "
        "reported as reachable from whoever is behind.",
    )
    apiserver_endpoints: tuple[tuple[str, int], ...] = _setting(
        "apiserver.endpoints",
        ENDPOINTS,
        text="Endpoints of the API server beyond EndpointSlice default/kubernetes, such as a "
        "virtual IP that kubelets dial.",
    )
    apiserver_port: int = _setting(
        "apiserver.port",
        PORT,
        default="6443",
        text="Port of the API server on control-plane nodes, where no endpoint is known.",
    )
    apiserver_operators: tuple[str, ...] = _setting(
        "apiserver.operators",
        CIDRS,
        text="Networks from which operators reach the API server; the whole of each is kept.",
    )
    apiserver_failsafe_only: Strictness = _setting(
        "apiserver.failsafe_only",
        _STRICTNESS,
        default="reject",
        text="What becomes of a change after which only a failsafe port still carries a flow that "
        "its policy denies.",
    )
    apiserver_latent: Strictness = _setting(
        "apiserver.latent",
        _STRICTNESS,
        default="warn",
        text="What becomes of a policy that denies flows to the API server but selects no "
        "endpoint today.",
    )
    namespaces_protected: tuple[str, ...] = _setting(
        "namespaces.protected",
        _NAMESPACES,
        default="kube-system,calico-system,tigera-operator,nodeward",
        text="Namespaces that the cluster itself runs in: their pods must reach the API server, and "
        "policy that isolates applications is not asked of them.",
    )
    unknown: Answer = _setting(
        "unknown",
        _ANSWER,
        default="warn",
        text="The answer of a check where the facts do not suffice.",
    )
    on_error: OnError = _setting(
        "on_error",
        _ON_ERROR,
        default="deny",
        text="The webhook's answer when Nodeward itself fails.",
    )
    enforcement_modes: tuple[str, ...] = _setting(
        "enforcement.modes",
        _MODES,
        text="What is done about findings, where, and of which namespace: deny, warn or dryrun, at "
        "admission, audit or cli. The check may be *; the narrowest mode counts. Without one: deny.",
    )
    exceptions_max_days: int = _setting(
        "exceptions.max_days",
        integer(1, 3650),
        default="90",
        text="The longest time for which a NodewardException holds, from its notBefore.",
    )
    admission_exempt: tuple[str, ...] = _setting(
        "admission.exempt",
        _NAMES,
        text="Users and groups whose requests are judged, told and recorded, and never refused.",
    )
    calico_apiserver_accounts: tuple[str, ...] = _setting(
        "calico.apiserver_accounts",
        _NAMES,
        default="system:serviceaccount:calico-apiserver:calico-apiserver, "
        "system:serviceaccount:calico-system:calico-apiserver",
        text="Accounts under which Calico's aggregated API server stores what it has admitted: a "
        "break-glass that travels in the object is not authorised a second time.",
    )
    enforcement_config_map: str = _setting(
        "enforcement.config_map",
        _PLACE,
        text="namespace/name of a ConfigMap whose key `modes` holds further modes; the webhook of a "
        "live cluster reads it again within seconds. Empty: none.",
    )
    limits_reviews_per_second: int = _setting(
        "limits.reviews_per_second",
        integer(1, 1_000_000),
        default="1000",
        text="How many reviews one address may send to the webhook, twice as many at once, where clients "
        "are not known by certificates.",
    )
    journal_folder: str = _setting(
        "journal.folder",
        _PATH,
        default=".nodeward/journal",
        text="Where the webhook keeps its decisions.",
    )
    journal_limit_bytes: int = _setting(
        "journal.limit_bytes",
        integer(2**20, 2**50),
        default=str(2**30),
        text="How large the journal may grow.",
    )
    journal_on_failure: OnJournalFailure = _setting(
        "journal.on_failure",
        _ON_JOURNAL_FAILURE,
        default="answer",
        text="What becomes of a denial, a warning or an override that cannot be recorded: it is "
        "answered as decided, with a warning, or the request is refused.",
    )
    decisions_url: str = _setting(
        "decisions.url",
        _URL,
        text="Base URL of the audit service to which the webhook ships its decisions. Empty: nowhere.",
    )
    decisions_token_file: str = _setting(
        "decisions.token_file",
        _PATH,
        default=".nodeward/door-token",
        text="File with the token under which decisions are shipped.",
    )
    decisions_ca_file: str = _setting(
        "decisions.ca_file",
        _PATH,
        text="Certificates by which the audit service is known. Empty: those of the system.",
    )
    decisions_overdue_s: int = _setting(
        "decisions.overdue_s",
        integer(0, 86_400),
        default="30",
        text="How many seconds a decision may take from its door to the audit service, before an object "
        "without one counts as written unreviewed.",
    )
    limits_body_bytes: int = _setting(
        "limits.body_bytes",
        integer(1024, 2**30),
        default=str(8 * 2**20),
        text="The largest request body that a door accepts. A review holds an object twice, each of "
        "up to 3 MiB.",
    )
    cluster_stale_after_s: int = _setting(
        "cluster.stale_after_s",
        integer(1, 3600),
        default="90",
        text="Seconds after which a watch of a live cluster that told nothing is not believed without "
        "a direct read. The API server sends a sign of life every minute.",
    )
    cluster_on_stale: OnError = _setting(
        "cluster.on_stale",
        _ON_ERROR,
        default="deny",
        text="The webhook's answer to what could open or unguard a node port or cut off the API server, "
        "while the cluster is not known well enough. Everything else is allowed with a warning.",
    )
    cluster_profile: str = _setting(
        "cluster.profile",
        _VERSION,
        default="v3.34",
        text="The Calico release that the cluster runs.",
    )
    dataplane: Dataplane = _setting(
        "dataplane",
        _DATAPLANE,
        default="auto",
        text="What carries out policy: Felix's iptables, nftables or bpf (eBPF), or ipvs, which is "
        "iptables beside a kube-proxy in IPVS mode. auto derives it from FelixConfiguration and from "
        "the devices of nodes.",
    )
    service_routes: tuple[tuple[str, str], ...] = _setting(
        "service_routes",
        ROUTES,
        text="Networks of Services that routers outside of the cluster send to one node each, such as "
        "10.96.0.0/12=w1: no object tells that.",
    )


TABLE: Final[tuple[Setting[Any], ...]] = tuple(
    column.metadata["setting"] for column in fields(Settings)
)
_NAMED: Final = [row.name for row in TABLE]


def load() -> Settings:
    """The settings of this process: defaults, then the file, then the environment.

    Raises: SettingsError that tells every setting at fault.
    """
    config = os.environ.get(CONFIG_VARIABLE)
    written = read_file(Path(config), _NAMED) if config else {}
    env = Env(eager=False)
    env.add_parser("setting", _parse)
    values = {
        row.attribute: env.setting(row.variable, written.get(row.name, row.default), row=row)
        for row in TABLE
    }
    try:
        env.seal()
    except EnvValidationError as error:
        raise SettingsError("; ".join(_faults(error))) from error
    return Settings(**values)


def of_file(path: Path) -> Settings:
    """The settings that a file gives by itself, whatever the environment says.

    Raises: SettingsError.
    """
    written = read_file(path, _NAMED)
    values = {}
    for row in TABLE:
        try:
            values[row.attribute] = row.parse(written.get(row.name, row.default))
        except ValueError as error:
            detail = f"{row.name}: {error}"
            raise SettingsError(detail, location=SourceLocation(str(path))) from error
    return Settings(**values)


def _parse(text: str, *, row: Setting[T]) -> T:
    try:
        return row.parse(text)
    except ValueError as error:
        raise EnvValidationError(str(error), [str(error)]) from error


def _faults(error: EnvValidationError) -> Iterator[str]:
    names = {row.variable: row.name for row in TABLE}
    faults = cast("Mapping[str, list[str]]", error.error_messages)  # a sealed Env maps variables
    for variable, messages in faults.items():
        yield f"{names[variable]} ({variable}): {messages[0]}"
