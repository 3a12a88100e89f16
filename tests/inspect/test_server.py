"""Who may look, where sockets lie, and what turns it all off."""

import os
import socket
import subprocess
import sys
import time

import pytest

from metal_runtime.errors import IrisError
from metal_runtime.inspect import address, connection, server
from metal_runtime.inspect.caller import AttachError
from metal_runtime.inspect.processes import processes
from metal_runtime.settings import inspectable


@pytest.fixture
def serving(folder, monkeypatch):
    """This process, looked into."""
    monkeypatch.setattr(server, "_server", None)
    server.serve()
    yield folder / f"{os.getpid()}.sock"
    server._stop()


def test_a_socket_costs_less_than_a_millisecond(folder, monkeypatch):
    costs = []
    for _ in range(10):
        monkeypatch.setattr(server, "_server", None)
        begin = time.perf_counter()
        server.serve()
        costs.append(time.perf_counter() - begin)
        server._stop()
    assert min(costs) < 1e-3


def test_it_is_removed_and_its_thread_ends(serving):
    import threading

    assert serving.exists()
    server._stop()
    assert not serving.exists()
    assert "iris-inspect" not in {t.name for t in threading.enumerate()}


def test_another_user_is_turned_away(serving, monkeypatch):
    monkeypatch.setattr(server, "peer_uid", lambda _: os.geteuid() + 1)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(10)
        stranger.connect(str(serving))
        assert stranger.recv(1) == b""


@pytest.mark.parametrize("said", [b"", b"\0\0"])
def test_who_does_not_say_hello_in_time_is_dropped(serving, monkeypatch, said):
    monkeypatch.setattr(connection, "FIRST", 0.1)
    with socket.socket(socket.AF_UNIX) as late:
        late.settimeout(10)
        late.connect(str(serving))
        late.sendall(said)
        assert late.recv(1) == b""


@pytest.mark.parametrize("wrong", ["link", "file", "open", "foreign"])
def test_nothing_is_made_in_a_directory_that_is_not_safe(folder, tmp_path, monkeypatch, wrong):
    path = tmp_path / "iris"
    if wrong == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(tmp_path / "elsewhere")
    elif wrong == "file":
        path.write_text("")
    else:
        path.mkdir(mode=0o777 if wrong == "open" else 0o700)
        path.chmod(0o777 if wrong == "open" else 0o700)
    monkeypatch.setattr(address, "directory", lambda: path)
    if wrong == "foreign":
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(server, "_server", None)
    server.serve()  # says so in the log alone
    assert server._server is None
    assert wrong == "file" or not list(path.iterdir())
    with pytest.raises(AttachError):
        processes()


def test_somebody_elses_runtime_directory_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert address.directory() == tmp_path / "iris"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert str(address.directory()) == f"/var/tmp/iris-{os.getuid() + 1}"


def test_what_is_no_socket_is_not_removed(folder, monkeypatch):
    monkeypatch.setattr(server, "_server", None)
    path = address.safe_directory(make=True) / f"{os.getpid()}.sock"
    path.write_text("mine")
    server.serve()
    assert server._server is None
    assert path.read_text() == "mine"
    path.unlink()


def test_the_setting(monkeypatch):
    monkeypatch.setenv("IRIS_INSPECT", "0")
    assert not inspectable()
    monkeypatch.delenv("IRIS_INSPECT")
    assert inspectable()
    monkeypatch.setenv("IRIS_INSPECT", "no")
    with pytest.raises(IrisError, match="IRIS_INSPECT is 'no'"):
        inspectable()


def test_nothing_heavy_is_imported_and_nothing_at_all_where_it_is_off(folder):
    text = """if True:
        import sys, threading, numpy as np
        import metal_runtime
        assert "metal_runtime.inspect" not in sys.modules
        metal_runtime.api.asarray(np.ones(1, np.float32))
        print(*sorted(sys.modules), *(t.name for t in threading.enumerate()))
    """

    def modules(on):
        done = subprocess.run(
            [sys.executable, "-c", text], env=os.environ | {"IRIS_INSPECT": on},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return set(done.stdout.split())

    off, on = modules("0"), modules("1")
    assert "iris-inspect" in on
    assert not {"iris-inspect", "metal_runtime.inspect"} & off
    ours = {name for name in on - off if not name.startswith("metal_runtime")}
    assert ours <= {"iris-inspect", "_socket", "select", "json", "json.decoder", "json.encoder",
                    "json.scanner", "_json"}  # fmt: skip
