# SPDX-License-Identifier: BSD-2-Clause
"""Immediate data at several offsets: content, and copied only where O_DIRECT wants it aligned."""
import os
import re

import harness
import iu
from harness import Daemon, Probe, group, target

BLOCK = 512
PAGE_OFFSET = 68  # where the payload of a receive buffer starts on a page
SIZES = (512, 1536, 4096)


class ImmediateTest(harness.Case):
    def write_all(self, offset, **lun):
        """Writes of each size, one after the other; how many were copied."""
        luns = [dict({"name": "disk", "path": self.path("disk"), "size": "1M"}, **lun)]
        config = self.write_config(luns, [target(group({0: "disk"}))], workers=1)
        daemon = Daemon(self, ["-c", config, "-d", "rdma"])
        probe = Probe(self)
        channel = probe.login(flags=iu.IMMED, imm_offset=offset)
        probe.clear_ua(channel)
        lba, expected = 0, b""
        for size in SIZES:
            data = os.urandom(size)
            rsp = probe.command(channel, iu.command(
                iu.write10(lba, size // BLOCK), fmt=iu.IMMEDIATE << 4,
                data=size.to_bytes(4, "big") + bytes(offset - 52) + data))
            self.assertEqual(rsp.status, 0)
            lba += size // BLOCK
            expected += data
        self.assertEqual(self.file_bytes("disk", 0, len(expected)), expected)
        daemon.stop()
        return int(re.search(r"worker 0: .* (\d+) copies", daemon.log()).group(1))

    def test_buffered_is_never_copied(self):
        for offset in (52, PAGE_OFFSET, 128):
            self.assertEqual(self.write_all(offset), 0, offset)

    def test_direct_on_a_page_is_not_copied(self):
        self.assertEqual(self.write_all(PAGE_OFFSET, o_direct=True), 0)

    def test_direct_beside_a_page_is_copied_once(self):
        for offset in (52, 128, 580):
            self.assertEqual(self.write_all(offset, o_direct=True), len(SIZES), offset)

    def test_without_a_shared_queue(self):
        self.env = dict(self.env, SIMFAB_PROFILE="nosrq")
        self.assertEqual(self.write_all(PAGE_OFFSET, o_direct=True), 0)
        self.assertEqual(self.write_all(128, o_direct=True), len(SIZES))
