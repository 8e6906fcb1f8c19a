# SPDX-License-Identifier: BSD-2-Clause
"""srptd as a service: what the service manager is told, the watchdog, the socket it hands over, the unit."""
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

import harness
from harness import Probe, group, target, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, case):
        self.path = case.path("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        case.addCleanup(self.socket.close)
        self.said = []

    def read(self):
        while True:
            try:
                self.said += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.said

    def wait(self, pattern, after=0):
        """For a line that matches behind so many lines; how many there are up to it."""
        return wait_for(lambda: next((i for i, x in enumerate(self.read(), 1)
                                      if i > after and re.fullmatch(pattern, x)), 0),
                        f"the service manager is told {pattern}")


class ServiceTest(harness.Case):
    def start(self, **env):
        self.manager = Manager(self)
        self.env = dict(self.env, NOTIFY_SOCKET=self.manager.path, **env)
        self.daemon = self.serve(
            [{"name": "disk", "path": "disk", "size": "16M"}], [target(group({0: "disk"}))],
            workers=2, control_socket=self.socket)

    def worker_tid(self, index):
        for tid in os.listdir(f"/proc/{self.daemon.pid}/task"):
            if harness.read_text(f"/proc/{self.daemon.pid}/task/{tid}/comm").strip() == f"srptd-w{index}":
                return int(tid)
        raise AssertionError("no such worker")

    def test_ready_status_reload_stop(self):
        self.start()
        self.manager.wait("READY=1")
        n = self.manager.wait(r"STATUS=serving")
        probe = Probe(self)
        probe.login()
        n = self.manager.wait(r"STATUS=serving 1 LUN\(s\), 1 session\(s\)", n)
        probe.close()
        self.daemon.process.send_signal(signal.SIGHUP)
        n = self.manager.wait(r"RELOADING=1", n)
        n = self.manager.wait(r"MONOTONIC_USEC=\d+", n)
        n = self.manager.wait("READY=1", n)
        self.daemon.stop()
        self.manager.wait("STOPPING=1", n)

    def test_without_a_watchdog_no_sign_of_life(self):
        self.start()
        self.manager.wait("READY=1")
        self.srpio("verify", "--count", 64)
        self.daemon.stop()
        self.assertNotIn("WATCHDOG=1", self.manager.read())

    def test_watchdog_needs_every_worker(self):
        self.start(WATCHDOG_USEC="600000")
        n = self.manager.wait("WATCHDOG=1")
        n = self.manager.wait("WATCHDOG=1", n)
        tid = self.worker_tid(1)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if libc.ptrace(PTRACE_SEIZE, tid, None, None):
            self.skipTest(f"ptrace: {os.strerror(ctypes.get_errno())}")
        libc.ptrace(PTRACE_INTERRUPT, tid, None, None)
        os.waitpid(tid, WALL)
        time.sleep(0.5)  # what was under way
        n = len(self.manager.read())
        # the control thread is well, and says who is not
        self.assertEqual(self.srptctl("status")["workers"], 2)
        self.assertIn("a worker does not answer", self.srptctl("stats", code=1))
        self.assertNotIn("WATCHDOG=1", self.manager.read()[n:])
        libc.ptrace(PTRACE_DETACH, tid, None, None)
        self.manager.wait("WATCHDOG=1", n)
        self.srptctl("stats")

    def test_socket_activation(self):
        path = self.path("activated")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen(4)
        early = socket.socket(socket.AF_UNIX)  # before the daemon is there
        self.addCleanup(early.close)
        early.connect(path)
        early.sendall(b'{"jsonrpc":"2.0","id":1,"method":"version"}\n')
        script = 'exec 3<&"$0"; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        os.set_inheritable(listener.fileno(), True)
        popen, fd = subprocess.Popen, listener.fileno()

        def with_fd(*args, **kwargs):
            return popen(*args, pass_fds=[fd], **kwargs)
        subprocess.Popen = with_fd
        try:
            self.daemon = self.serve_one(daemon={"prefix": ["bash", "-c", script, str(fd)]})
        finally:
            subprocess.Popen = popen
        early.settimeout(harness.LIMIT)
        self.assertIn(b'"result"', early.recv(4096))
        self.daemon.stop()
        self.assertTrue(os.path.exists(path), "it is the service manager's")

    def test_sandbox_hint(self):
        self.env = dict(self.env, INVOCATION_ID="1")
        os.makedirs(self.path("dir"))
        path, prefix = self.make_file("dir/disk", 1 << 20), []
        os.chmod(path, 0)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
            prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        daemon = harness.Daemon(self, ["-c", self.write_config(
            [{"name": "disk", "path": path}], [])], wait=False, prefix=prefix)
        daemon.allowed_errors = ["LUN"]
        self.assertEqual(daemon.process.wait(harness.LIMIT), 1)
        self.assertIn(f'"ReadWritePaths={self.path("dir")}"', daemon.log())


@unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
class UnitTest(unittest.TestCase):
    def analyze(self, *args):
        unit = os.path.join(harness.build_dir(), "srptd.service")
        return subprocess.run(["systemd-analyze", *args, unit], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=harness.LIMIT)

    def test_exposure(self):
        done = self.analyze("security", "--offline=yes", "--threshold=30", "--no-pager")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_unit_has_no_unknown_settings(self):
        with open(os.path.join(harness.build_dir(), "srptd.service"), encoding="utf-8") as f:
            self.assertNotIn("@", re.sub(r"@system-service", "", f.read()))
        out = self.analyze("verify").stdout
        self.assertNotRegex(out, r"Unknown|Failed to parse|ignoring", out)
