# SPDX-License-Identifier: BSD-2-Clause
"""The good ends of a channel: by the initiator, by SRP_I_LOGOUT, by SIGTERM."""
import signal

import harness
import iu
from harness import Probe


class LogoutTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(workers=2)

    def probe(self):
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        return probe, channel

    def t_logout_reason(self, data):
        self.assertEqual((data[0], len(data)), (iu.SRP_T_LOGOUT, 16), data.hex())
        return int.from_bytes(data[4:8], "big")

    def test_initiator_disconnects(self):
        probe, channel = self.probe()
        probe.ask("close", channel)
        self.daemon.wait_all_ended()
        self.assertIn(": disconnected", self.daemon.log())
        self.assert_serves()

    def test_initiator_exits_with_commands_out(self):
        probe, channel = self.probe()
        mem = probe.mem(1 << 20)
        for i in range(min(32, probe.limit[channel])):
            probe.send(channel, iu.command(iu.write10(2048 * i, 2048), fmt=iu.DIRECT << 4, tag=i,
                                           data=iu.desc(mem["va"], mem["rkey"], 1 << 20)))
        probe.close()
        self.daemon.wait_all_ended()
        self.assert_serves()

    def test_i_logout_ends_the_channel(self):
        probe, channel = self.probe()
        probe.send(channel, iu.i_logout())
        probe.wait_end(channel)
        self.daemon.wait_all_ended()
        self.assertIn("the initiator logs out", self.daemon.log())
        self.assert_serves()

    def test_i_logout_ends_one_channel_only(self):
        probe, first = self.probe()
        second = probe.login(flags=iu.MULTI)
        probe.send(first, iu.i_logout())
        probe.wait_end(first)
        self.assertEqual(probe.command(second, iu.command(iu.TUR)).status, 0)

    def test_sigterm_logs_out_then_disconnects(self):
        probe, channel = self.probe()
        self.daemon.terminate()
        got = probe.recv(1)
        self.assertEqual([self.t_logout_reason(x) for _, x in got], [0])
        self.assertIn("logged out", probe.wait_end(channel))
        self.daemon.stop()
        self.assertIn("stopped", self.daemon.log())

    def test_sigint_is_the_same(self):
        probe, _ = self.probe()
        self.daemon.process.send_signal(signal.SIGINT)
        self.assertEqual(self.t_logout_reason(probe.recv(1)[0][1]), 0)
        self.daemon.stop()

    def test_sigterm_on_every_channel(self):
        probe, _ = self.probe()
        for _ in range(3):
            channel = probe.login(flags=iu.MULTI)
            probe.clear_ua(channel)  # its answer says that both sides know of the connection
        self.daemon.terminate()
        got = probe.recv(4)
        self.assertEqual(sorted(ch for ch, _ in got), [0, 1, 2, 3])
        self.daemon.stop()

    def test_commands_end_before_t_logout(self):
        """What is under way at SIGTERM is answered; T_LOGOUT is the last word."""
        probe, channel = self.probe()
        mem = probe.mem(1 << 20)
        data = iu.desc(mem["va"], mem["rkey"], 1 << 20)
        n = min(16, probe.limit[channel])
        for i in range(n):
            probe.send(channel, iu.command(iu.read10(2048 * i, 2048), tag=i + 1, fmt=iu.DIRECT,
                                           data=data))
        first = probe.recv(1)
        self.daemon.terminate()
        got = [x for _, x in first + probe.recv(n + 1 - len(first))]
        self.t_logout_reason(got[-1])
        tags = {iu.parse_rsp(x).tag for x in got[:-1]}
        self.assertLessEqual(tags, set(range(1, n + 1)))
        self.daemon.stop()

    def test_sigterm_under_load(self):
        load = self.spawn("bench", "--rw", "randrw", "--bs", "128k", "--depth", 32, "--channels",
                          4, "--duration", 60)
        self.daemon.wait_log("login accepted", 4)
        self.daemon.stop()
        result = load.finish()
        self.assertEqual(result.code, 1, result)

    def test_sigterm_with_a_frozen_initiator(self):
        """It answers nothing; srptd ends all the same."""
        probe, channel = self.probe()
        mem = probe.mem(1 << 20)
        for i in range(8):
            probe.send(channel, iu.command(iu.write10(0, 2048), tag=i, fmt=iu.DIRECT << 4,
                                           data=iu.desc(mem["va"], mem["rkey"], 1 << 20)))
        probe.process.send_signal(signal.SIGSTOP)
        self.addCleanup(probe.kill)
        self.daemon.stop()

    def test_sighup_is_no_reason_to_stop(self):
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log("reload of .*: 0 difference")
        self.assert_serves()

    def test_restart_serves_the_same_data(self):
        self.srpio("verify", "--mode", "write", "--count", 4096)
        self.daemon.stop()
        self.daemon = harness.Daemon(self, ["-c", self.path("srptd.conf")])
        self.srpio("verify", "--mode", "read", "--count", 4096)

    def test_log_says_who_came_and_went(self):
        probe, channel = self.probe()
        probe.ask("close", channel)
        self.daemon.wait_all_ended()
        for text in ("login accepted", "disconnected", "channel ended"):
            self.assertRegex(self.daemon.log(), r"127\.0\.0\.1 → tgt \(QP \d+\): " + text)
