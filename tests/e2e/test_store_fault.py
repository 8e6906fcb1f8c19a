# SPDX-License-Identifier: BSD-2-Clause
"""Faults on purpose (the key fault of a LUN): what initiators see of them, and the medium."""
import os

import harness
import iu
from harness import MIB, Probe


class FaultTest(harness.Case):
    def serve_faulty(self, *rules, **lun):
        return self.serve_one(size="8M", lun=dict(fault=list(rules), **lun))

    def write(self, lba, data, **more):
        with open(self.path("data"), "wb") as f:
            f.write(data)
        return self.raw(iu.write10(lba, len(data) // 512), "--out-file", self.path("data"), **more)

    def test_the_log_says_so_at_start(self):
        daemon = self.serve_faulty({"op": "write", "error": "EIO", "to": "1M", "count": 3})
        self.assertRegex(daemon.log(), r"/disk: has 1 fault\(s\) configured")
        self.assertRegex(daemon.log(), r"/disk: fault: write, bytes 0 to 1048576, 100 %.*EIO")

    def test_errors_become_sense_data(self):
        self.serve_faulty({"op": "read", "error": "EIO", "from": "1M", "to": "2M"},
                          {"op": "write", "error": "ENOSPC", "from": "1M", "to": "2M"},
                          {"op": "flush", "error": "EIO"})
        self.assert_sense(self.raw(iu.read10(2048, 8), "--in-len", 4096), 3, 0x11, 0)
        self.assert_sense(self.write(4095, bytes(1024)), 7, 0x27, 7)
        self.assert_sense(self.raw("35000000000000000000"), 3, 0x0C, 0)
        self.assert_good(self.raw(iu.read10(2047, 1), "--in-len", 512))
        self.assert_good(self.write(4096, bytes(1024)))

    def test_an_error_that_passes(self):
        """BUSY twice, then all is well."""
        self.serve_faulty({"op": "write", "error": "EAGAIN", "count": 2})
        for status in (8, 8, 0):
            self.assertEqual(self.write(0, bytes(512))["status_code"], status)
        self.assert_serves()

    def test_torn_write_with_the_death_of_the_daemon(self):
        old, new = os.urandom(16384), os.urandom(16384)
        daemon = self.serve_faulty({"op": "write", "kill": True, "torn": "6000", "after": 1})
        self.assert_good(self.write(0, old))
        self.write(0, new)
        self.assertEqual(daemon.process.wait(harness.LIMIT), -9)
        self.assertEqual(self.file_bytes("disk", 0, 16384), new[:5632] + old[5632:])

    def held_write(self, delay_ms):
        """Send a write that is held; a probe that waits for the response."""
        self.serve_faulty({"op": "write", "delay_ms": delay_ms, "from": "1M", "to": "2M"})
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(4096)
        probe.poke(mem, 0, b"\xaa" * 4096)
        probe.send(channel, iu.command(iu.write10(2048, 8), fmt=0x10,
                                       data=iu.desc(mem["va"], mem["rkey"], 4096)))
        return probe

    def test_a_held_write_holds_up_nobody_and_is_not_on_the_medium(self):
        self.held_write(3600 * 1000)
        self.srpio("verify", "--count", 2048)
        self.srpio("verify", "--lba", 4096, "--count", 2048)
        self.daemons[0].kill()
        self.assertEqual(self.file_bytes("disk", MIB, 4096), bytes(4096))

    def test_a_held_write_is_on_the_medium_when_it_is_answered(self):
        probe = self.held_write(300)
        got = probe.recv(1)
        self.assertEqual(iu.parse_rsp(got[0][1]).status, 0)
        self.assertEqual(self.file_bytes("disk", MIB, 4096), b"\xaa" * 4096)
