# SPDX-License-Identifier: BSD-2-Clause
"""Asymmetric access: two targets as two paths to a LUN, states by configuration and by initiators."""
import os
import signal
import struct

import harness
import iu
from harness import Probe, group, target

BS = 512
ACCESS_CHANGED = (6, 0x2A, 6)
STANDBY = (2, 0x04, 0x0B)
SET_FAILED = (4, 0x67, 0x0A)
SECOND = {"name": "t2", "id_ext": "0200aabbccddee11", "ioc_guid": "0200aabbccddee12"}


class Path:
    """The initiator's channel to one of the targets."""

    def __init__(self, case, number, target_id):
        self.case = case
        self.probe = Probe(case)
        self.channel = self.probe.login(initiator=bytes([1] * 15 + [number]), target=target_id)
        self.mem = self.probe.mem(4096)
        while iu.sense_code(self.tur().sense or bytes(18)) == (6, 0x29, 0):
            pass

    def tur(self):
        return self.probe.command(self.channel, iu.command(iu.TUR))

    def desc(self, length):
        return iu.desc(self.mem["va"], self.mem["rkey"], length)

    def groups(self):
        """{group: (state, preferred, ports)}."""
        rsp = self.probe.command(self.channel, iu.command(
            bytes([0xA3, 0x0A]) + bytes(4) + (512).to_bytes(4, "big") + bytes(2), fmt=iu.DIRECT,
            data=self.desc(512)))
        self.case.assertEqual(rsp.status, 0, rsp)
        data = self.probe.peek(self.mem, 0, 512 - rsp.in_resid)
        at, found = 4, {}
        while at < len(data):
            n = data[at + 7]
            ports = [int.from_bytes(data[at + 10 + 4 * i:at + 12 + 4 * i], "big") for i in range(n)]
            found[int.from_bytes(data[at + 2:at + 4], "big")] = (data[at] & 15, data[at] >> 7, ports)
            at += 8 + 4 * n
        return found

    def set(self, group_id, state):
        data = struct.pack(">4xBxH", state, group_id)
        self.probe.poke(self.mem, 0, data)
        return self.probe.command(self.channel, iu.command(
            bytes([0xA4, 0x0A]) + bytes(4) + (8).to_bytes(4, "big") + bytes(2),
            fmt=iu.DIRECT << 4, data=self.desc(8)))


class AluaTest(harness.Case):
    def config(self, state="standby", **more):
        return dict(luns=[{"name": "disk", "path": self.path("disk"), "size": "4M",
                           "alua_explicit": True,
                           "alua": [{"group": 10, "preferred": True},
                                    {"group": 20, "state": state}]}],
                    targets=[target(group({0: "disk"}), port_group=10),
                             target(group({0: "disk"}), port_group=20, **SECOND)], **more)

    def start(self, **more):
        daemon = self.serve(**self.config(**more))
        first = Path(self, 1, harness.TARGET_ID)
        second = Path(self, 2, bytes.fromhex(SECOND["id_ext"] + SECOND["ioc_guid"]))
        return daemon, first, second

    def expect_told(self, path):
        self.assertEqual(iu.sense_code(path.tur().sense), ACCESS_CHANGED)

    def test_states_of_the_configuration(self):
        daemon, first, second = self.start()
        want = {10: (0, 1, [1]), 20: (2, 0, [2])}
        self.assertEqual(first.groups(), want)
        self.assertEqual(second.groups(), want, "in standby too")
        self.assertEqual(first.tur().status, 0)
        self.assertEqual(iu.sense_code(second.tur().sense), STANDBY)
        # a reload changes the state under the sessions
        self.write_config(**self.config(state="nonoptimized"))
        os.kill(daemon.pid, signal.SIGHUP)
        harness.wait_for(lambda: first.tur().status, "the news of another state")
        self.assertEqual(first.groups()[20][0], 1)
        self.expect_told(second)
        self.assertEqual(second.tur().status, 0)

    def test_an_initiator_fails_over(self):
        _, first, second = self.start()
        self.assertEqual(second.set(20, 0).status, 0)
        self.assertEqual(second.tur().status, 0, "who asked is not told")
        self.expect_told(first)
        self.assertEqual(second.set(10, 2).status, 0)
        self.expect_told(first)
        self.assertEqual(iu.sense_code(first.tur().sense), STANDBY)

    def test_the_hook_is_asked(self):
        hook = self.path("hook")
        with open(hook, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\necho \"$@\" >>{self.path('asked')}\ntest ! -e {self.path('no')}\n")
        os.chmod(hook, 0o755)
        daemon, first, second = self.start(alua_hook=hook)
        self.assertEqual(second.set(20, 0).status, 0)
        self.assertEqual(harness.read_text(self.path("asked")), "disk 20 standby active\n")
        self.expect_told(first)
        with open(self.path("no"), "w", encoding="utf-8"):
            pass
        rsp = second.set(10, 3)
        self.assertEqual(iu.sense_code(rsp.sense), SET_FAILED, rsp)
        self.expect_told(first)  # of the transition, and back
        self.assertEqual(first.groups()[10][0], 0)
        daemon.wait_log("target port group 10 stays active, not unavailable: exit status 1")

    def test_a_group_is_named_once(self):
        _, first, _ = self.start()
        first.probe.poke(first.mem, 0, struct.pack(">4xBxHBxH", 1, 20, 0, 20))
        rsp = first.probe.command(first.channel, iu.command(
            bytes([0xA4, 0x0A]) + bytes(4) + (12).to_bytes(4, "big") + bytes(2),
            fmt=iu.DIRECT << 4, data=first.desc(12)))
        self.assertEqual(iu.sense_code(rsp.sense), (5, 0x26, 0), rsp)
        self.assertEqual(first.groups()[20][0], 2)

    def test_a_slow_hook_is_no_write_under_way(self):
        """Its command has a task whose last request to the store was a write of the same block."""
        hook = self.path("hook")
        with open(hook, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nfor i in $(seq 80); do test -e {self.path('go')} && exit\n"
                    "sleep 0.1\ndone\nexit 1\n")
        os.chmod(hook, 0o755)
        _, first, _ = self.start(alua_hook=hook, workers=1)
        probe, channel, mem = first.probe, first.channel, first.mem

        def caw(tag):
            return iu.command(bytes([0x89]) + bytes(12) + bytes([1]) + bytes(2), tag=tag,
                              fmt=iu.DIRECT << 4, data=first.desc(2 * BS))

        probe.poke(mem, 0, bytes(2 * BS) + struct.pack(">4xBxH", 1, 20))
        for _ in range(8):  # so that every task that is likely to be taken next has done one
            self.assertEqual(probe.command(channel, caw(1)).status, 0)
        probe.send(channel, iu.command(
            bytes([0xA4, 0x0A]) + bytes(4) + (8).to_bytes(4, "big") + bytes(2), tag=2,
            fmt=iu.DIRECT << 4, data=iu.desc(mem["va"] + 2 * BS, mem["rkey"], 8)))
        probe.send(channel, caw(3))
        answers = [iu.parse_rsp(data) for _, data in probe.recv(1)]
        self.assertEqual([(r.tag, r.status) for r in answers], [(3, 0)])
        with open(self.path("go"), "w", encoding="utf-8"):
            pass
        answers = [iu.parse_rsp(data) for _, data in probe.recv(1)]
        self.assertEqual([(r.tag, r.status) for r in answers], [(2, 0)])
