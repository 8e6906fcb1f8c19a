# SPDX-License-Identifier: BSD-2-Clause
"""Many channels, many logins, every depth: credits, receives and RNR counters.

SRPTD_LONG=1: 1,024 sessions, 64 sessions of 4 channels, every depth from 1 to 256;
without, a bounded form of each.
"""
import os
import re

import harness
import iu
from harness import MIB, Probe

LONG = bool(os.environ.get("SRPTD_LONG"))
DEPTH = 62


def ident(n):
    return n.to_bytes(16, "big")


class ScaleTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="8M", workers=2, pool_size="4M")

    def log_in(self, sessions, channels, per_probe=32):
        """Probes with their channels; every login is accepted. [(probe, channel, limit)]"""
        out = []
        for first in range(0, sessions * channels, per_probe):
            probe = Probe(self, queue=66)
            for i in range(first, min(first + per_probe, sessions * channels)):
                flags = iu.MULTI if i % channels else iu.SINGLE
                channel, outcome, data = probe.login_raw(
                    iu.login_req(initiator=ident(1000 + i // channels), flags=flags))
                self.assertEqual(outcome, "accepted", f"login {i}")
                out.append((probe, channel, iu.parse_login(data).req_lim))
        return out

    def test_sessions_log_in(self):
        n = 1024 if LONG else 160
        logins = self.log_in(n, 1)
        for probe, channel, _ in (logins[0], logins[n // 2], logins[-1]):
            probe.clear_ua(channel)
        self.assertEqual(self.daemon.logins(), n)

    def test_channels_reach_their_depth(self):
        """At once, on all channels: 62 commands are under way and are answered."""
        sessions = 64 if LONG else 12
        logins = self.log_in(sessions, 4)
        for probe, channel, limit in logins:
            self.assertGreaterEqual(limit, DEPTH + 1)
            probe.clear_ua(channel)
        for probe, channel, _ in logins:
            probe.send(channel, iu.command(iu.read10(0, 1), tag=1 << 32), DEPTH)
        answered = {}
        for probe in {p for p, _, _ in logins}:
            mine = sum(1 for p, _, _ in logins if p is probe)
            for channel, data in probe.recv(mine * DEPTH):
                key = (probe, channel)
                answered[key] = answered.get(key, 0) + 1
        self.assertEqual(set(answered.values()), {DEPTH})
        self.assertEqual(len(answered), len(logins))


class RnrTest(harness.Case):
    """The target never makes an initiator wait for a receive (RNR NAK): with immediate data on and
    as many commands as were granted, at every depth."""

    env = {"SIMFAB_COUNTERS": "1"}
    DEPTHS = range(1, 257) if LONG else (1, 2, 3, 31, 32, 33, 62, 63, 64, 127, 128, 255, 256)

    def check(self, depths, **conf):
        self.daemon = self.serve_one(size="16M", workers=1, **conf)
        probe = Probe(self, queue=300)
        channel = probe.login(flags=iu.IMMED, imm_offset=68)
        probe.clear_ua(channel)
        data = (512).to_bytes(4, "big") + bytes(16) + bytes(512)
        for depth in depths:
            probe.send(channel, iu.command(iu.write10(0, 1), tag=1, fmt=iu.IMMEDIATE << 4,
                                           data=data), depth)
            got = [iu.parse_rsp(x) for _, x in probe.recv(depth)]
            self.assertEqual([r.status for r in got], [0] * depth)
            self.assertEqual(sum(r.delta for r in got), depth)
        self.daemon.stop()
        sent = re.search(r"(\d+) RNR NAKs sent", self.daemon.log())
        self.assertIsNotNone(sent, "simfab says its counters at the end")
        self.assertEqual(sent.group(1), "0")

    def test_every_depth(self):
        self.check(self.DEPTHS, req_lim=256)

    def test_every_depth_with_just_enough_receives(self):
        """A queue that holds what was promised and its reserve, and no receive more."""
        self.check([d for d in self.DEPTHS if d <= 64], req_lim=64, srpt_srq_size=72)

    def test_every_depth_without_a_shared_queue(self):
        self.env = dict(self.env, SIMFAB_PROFILE="nosrq")
        self.check(self.DEPTHS, req_lim=256)
