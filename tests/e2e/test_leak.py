# SPDX-License-Identifier: BSD-2-Clause
"""A thousand logins and logouts, and nothing to show for them: descriptors, memory, threads. A
hundred of the slower ways to come and go.

SRPTD_LONG=1: ten thousand.
"""
import os

import harness
import iu
from harness import MIB, Probe

CYCLES = 100
LOGINS = 10000 if os.environ.get("SRPTD_LONG") else 1000


class LeakTest(harness.Case):
    env = {"ASAN_OPTIONS": "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")}

    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="16M", workers=2, pool_size="2M", srpt_srq_size=512,
                                     req_lim=64)
        self.srpio("verify", "--bs", "1m", "--depth", 32, "--channels", 4)
        self.daemon.wait_all_ended()

    def repeat(self, cycle, n=CYCLES):
        """Compare after the first tenth and after the rest."""
        for _ in range(n // 10):
            cycle()
        self.daemon.wait_all_ended()
        fds, rss, threads = self.daemon.n_fds(), self.daemon.rss(), self.n_threads()
        for _ in range(n - n // 10):
            cycle()
        self.daemon.wait_all_ended()
        harness.wait_for(lambda: self.daemon.n_fds() <= fds, f"no more than {fds} descriptors")
        self.assertLess(self.daemon.rss() - rss, 3 * MIB)
        self.assertLessEqual(self.n_threads(), threads + 4)  # of io_uring, which come and go

    def n_threads(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/task"))

    def test_srpio_logins(self):
        self.repeat(lambda: self.srpio("login", "--channels", 2))

    def test_logins_and_logouts_of_one_process(self):
        probes = []

        def cycle():
            if not probes or len(probes[0]) == 50:
                for old in probes:
                    old[0].close()
                probes[:] = [[Probe(self)]]
            probe = probes[0][0]
            channel = probe.login()
            probe.clear_ua(channel)
            if channel % 2:
                probe.send(channel, iu.i_logout())
            probe.ask("close", channel)
            probes[0].append(channel)
            if len(probes[0]) % 5 == 0:
                self.daemon.wait_all_ended()  # there are receives for seven

        self.repeat(cycle, LOGINS)

    def test_refused_logins(self):
        probes = [Probe(self) for _ in range(2)]

        def cycle(counter=[0]):
            probe = probes[counter[0] % 2]  # a session has at most 64 channels
            counter[0] += 1
            _, outcome, _ = probe.login_raw(iu.login_req(target=b"\1" * 16))
            self.assertEqual(outcome, "rejected")

        self.repeat(cycle)

    def test_channels_that_end_by_an_error(self):
        def cycle():
            probe = Probe(self)
            channel = probe.login()
            probe.send(channel, b"\x7f" + bytes(47))
            probe.wait_end(channel)
            probe.close()

        self.repeat(cycle)
