"""One real API server for all tests of this suite, emptied before each.

Every test here bears the mark ``apiserver`` and runs in one worker, so that one server is enough. Without the
programs the suite is skipped by name, which `make test` takes for a failure.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apiserver.doors import live_door, register
from tests.kube import binaries, contents, crds
from tests.kube.server import ApiServer

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.apiserver)
            item.add_marker(pytest.mark.xdist_group("apiserver"))


@pytest.fixture(scope="session")
def programs():
    try:
        return binaries.find()
    except binaries.MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shared_server(programs, tmp_path_factory):
    """The server of the session, with Calico's kinds as CRDs of projectcalico.org/v3."""
    with ApiServer(programs, tmp_path_factory.mktemp("apiserver")) as server:
        contents.install(server.admin, crds.NATIVE, crds.SIG_NETWORK)
        yield server


@pytest.fixture
def server(shared_server):
    """The server of the session, with nothing in it; a test may stop it and start it again."""
    contents.empty(shared_server.admin)
    return shared_server


@pytest.fixture(scope="module")
def module_door(shared_server, tmp_path_factory):
    with live_door(shared_server, tmp_path_factory.mktemp("door")) as door:
        yield door


@pytest.fixture
def door(server, module_door):
    """A door that watches the server, and is asked about every write from when the test begins."""
    register(server, module_door)
    return module_door


@pytest.fixture
def own_server(programs, tmp_path):
    """A server of the test's own, without any custom kinds yet."""
    with ApiServer(programs, tmp_path / "apiserver") as server:
        yield server
