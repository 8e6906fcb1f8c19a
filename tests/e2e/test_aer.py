# SPDX-License-Identifier: BSD-2-Clause
"""Asynchronous event reports (SRP r16a 6.12): unit attentions that the target tells at once."""
import struct

import harness
import iu
from harness import Probe, group, target

OTHER = bytes(15) + b"\x77"
RESET = (6, 0x29, 0x03)


class AerCase(harness.Case):
    def serve_aer(self, aer=True, **top):
        luns = [{"name": name, "path": name, "size": "8M"} for name in ("a", "b")]
        return self.serve(luns, [target(group({0: "a", 300: "b"}), aer=aer)], workers=2, **top)

    def nexus(self, **fields):
        probe = Probe(self)
        channel = probe.login(**fields)
        for lun in (0, 300):
            probe.clear_ua(channel, lun)
        return probe, channel

    def parse(self, data):
        """(LUN, sense code, SOLNT, delta)"""
        opcode, sol, delta, _, lun, n = struct.unpack(">BB2xiQ4xH6xI4x", data[:36])
        self.assertEqual(opcode, iu.SRP_AER_REQ)
        self.assertEqual(len(data), 36 + n)
        return lun & 0x3FFF, iu.sense_code(data[36:]), sol, delta

    def events(self, probe, n, ms=harness.LIMIT * 1000):
        return [self.parse(x) for _, x in probe.recv(n, ms) if x[0] == iu.SRP_AER_REQ]


    def reset(self, probe, channel, lun):
        """Every nexus is told, that of the requester too."""
        probe.send(channel, iu.task_mgmt(iu.TM_LUN_RESET, lun=lun))
        got = sorted(x[0] for _, x in probe.recv(2))
        self.assertEqual(got, [iu.SRP_AER_REQ, iu.SRP_RSP])


class AerTest(AerCase):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve_aer()
        self.one, self.first = self.nexus()

    def test_the_other_nexus_is_told_without_asking(self):
        two, second = self.nexus(initiator=OTHER)
        self.one.send(self.first, iu.task_mgmt(iu.TM_LUN_RESET, lun=300))
        self.assertEqual(self.events(two, 1), [(300, RESET, 0, 0)])
        rsp = two.command(second, iu.command(iu.TUR, lun=300))
        self.assertEqual(iu.sense_code(rsp.sense), RESET, "the unit attention stands all the same")

    def test_solicited_if_the_login_asks(self):
        two, _ = self.nexus(initiator=OTHER, flags=iu.AESOLNT)
        self.one.send(self.first, iu.task_mgmt(iu.TM_LUN_RESET, lun=0))
        self.assertEqual(self.events(two, 1), [(0, RESET, 1, 0)])

    def test_many_events_one_after_the_other(self):
        """The initiator's library answers each: none gets lost, on one channel of two."""
        two, second = self.nexus(initiator=OTHER)
        two.login(initiator=OTHER, flags=iu.MULTI)
        for _ in range(10):
            self.one.send(self.first, iu.task_mgmt(iu.TM_LUN_RESET, lun=0))
            self.one.send(self.first, iu.task_mgmt(iu.TM_LUN_RESET, lun=300))
        got = self.events(two, 20)
        self.assertEqual(sorted(got), [(0, RESET, 0, 0)] * 10 + [(300, RESET, 0, 0)] * 10)
        for lun in (0, 300):
            two.clear_ua(second, lun)
        for _ in range(130):  # credits are as they were
            self.assertEqual(two.command(second, iu.command(iu.TUR)).delta, 1)

    def test_srpio_prints_and_answers(self):
        job = harness.Srpio(self, ["bench", self.url(), "--rw", "randread", "--duration", "300",
                                   "--initiator-id", OTHER.hex()])
        self.daemon.wait_log("login accepted", 2)
        for _ in range(3):
            self.reset(self.one, self.first, 300)
        self.one.close()
        harness.wait_for(lambda: "asynchronous event report of LUN 300" in job.text() or
                         not job.running(), "srpio prints the event")
        job.kill()
        self.assertIn("asynchronous event report of LUN 300", job.text())
        self.assert_serves()

    def test_response_to_no_report(self):
        self.one.send(self.first, bytes([iu.SRP_AER_RSP]) + bytes(15))
        data = [x for _, x in self.one.recv(1)][0]
        self.assertEqual((data[0], data[7]), (iu.SRP_T_LOGOUT, 3))

    def test_events_of_a_session_that_ends(self):
        """Nothing is left behind, and nobody waits."""
        for _ in range(10):
            two, second = self.nexus(initiator=OTHER)
            self.one.send(self.first, iu.task_mgmt(iu.TM_LUN_RESET, lun=0))
            two.kill()
            self.one.recv(1)
        self.assert_serves()


class IwarpTest(AerCase):
    env = {"SIMFAB_PROFILE": "siw"}

    def test_silent_until_the_initiator_has_spoken(self):
        """RFC 5044 7.1.2: the side that connected sends first."""
        self.serve_aer()
        one, first = self.nexus()
        two = Probe(self)
        second = two.login(initiator=OTHER)
        self.reset(one, first, 0)
        self.assertEqual(two.recv(1, 300), [])
        two.send(second, iu.command(iu.TUR, tag=5))
        got = [x[0] for _, x in two.recv(2)]
        self.assertEqual(sorted(got), [iu.SRP_AER_REQ, iu.SRP_RSP])

    def test_no_logout_message_either(self):
        daemon = self.serve_aer()
        two = Probe(self)
        second = two.login(initiator=OTHER)
        daemon.terminate()
        two.wait_end(second)
        self.assertEqual(two.recv(0, 0), [])
        daemon.stop()


class OffTest(AerCase):
    def test_nothing_is_reported_unless_configured(self):
        self.serve_aer(aer=False)
        one, first = self.nexus()
        two, second = self.nexus(initiator=OTHER)
        one.command(first, iu.task_mgmt(iu.TM_LUN_RESET, lun=0))
        self.assertEqual(two.recv(1, 300), [])
        self.assertEqual(two.command(second, iu.command(iu.TUR)).status, 2)
