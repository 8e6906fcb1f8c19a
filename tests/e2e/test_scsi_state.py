# SPDX-License-Identifier: BSD-2-Clause
"""What initiators leave on a logical unit: mode pages, identifying information, counts; what they hear of it."""
import os
import struct

import harness
import iu
from harness import MIB
from test_scsi_pr import Side

BS = 512
PF, SP = 0x10, 0x01
MODE_CHANGED, IDENTIFIER_CHANGED = (6, 0x2A, 1), (6, 0x3F, 5)


def log_sense(page, length=255):
    return struct.pack(">BBBB3xHx", 0x4D, 0, page, 0, length)


class StateCase(harness.Case):
    def serve_disk(self, state_dir="state"):
        return self.serve_one(size="8M", workers=2, state_dir=self.path(state_dir),
                              lun={"thin_provisioned": True})

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("state"))
        self.daemon = self.serve_disk()

    def restart(self):
        self.daemon.stop()
        self.daemon = self.serve_disk()

    def body(self, page):
        """What follows PAGE LENGTH of a mode page."""
        out = self.raw(struct.pack(">BBBBBB", 0x1A, 0x08, page, 0, 255, 0), "--in-len", 255)
        self.assert_good(out)
        return bytes.fromhex(out["data"])[6:]

    def send_list(self, cdb, data):
        with open(self.path("list"), "wb") as f:
            f.write(data)
        return self.raw(cdb, "--out-file", self.path("list"))


class ModeSelectTest(StateCase):
    CACHE_OFF = bytes(4) + bytes([0x08, 0x12]) + bytes(18)

    def select(self, flags, pages=CACHE_OFF):
        self.assert_good(self.send_list(bytes([0x15, flags, 0, 0, len(pages), 0]), pages))

    def test_saved_pages_outlive_a_restart(self):
        self.assertEqual(self.body(0x08)[0] & 4, 4)
        self.select(PF | SP)
        self.assertEqual(self.body(0x08)[0] & 4, 0)
        self.restart()
        self.assertEqual(self.body(0x08)[0] & 4, 0)
        self.assertEqual(self.body(0x88)[0] & 4, 4)  # the default

    def test_what_is_not_saved_ends_with_a_restart(self):
        self.select(PF)
        self.assertEqual(self.body(0x08)[0] & 4, 0)
        self.assertEqual(self.body(0xC8)[0] & 4, 4)
        self.restart()
        self.assertEqual(self.body(0x08)[0] & 4, 4)

    def test_only_other_nexuses_are_told(self):
        a, b = Side(self, 1), Side(self, 2)
        self.assertEqual(a.out(bytes([0x15, PF, 0, 0, 24, 0]), self.CACHE_OFF).status, 0)
        rsp = a.probe.command(a.channel, iu.command(iu.TUR))
        self.assertEqual(rsp.status, 0)
        rsp = b.probe.command(b.channel, iu.command(iu.TUR))
        self.assertEqual(iu.sense_code(rsp.sense), MODE_CHANGED)
        rsp = b.probe.command(b.channel, iu.command(iu.TUR))
        self.assertEqual(rsp.status, 0)


class IdentTest(StateCase):
    def test_identifying_information_outlives_a_restart(self):
        info = b"rack 7, shelf 2\0"
        cdb = struct.pack(">BB4xIBx", 0xA4, 0x06, len(info), 2 << 1)
        self.assert_good(self.send_list(cdb, info))
        self.restart()
        out = self.raw(struct.pack(">BB4xIBx", 0xA3, 0x05, 256, 2 << 1), "--in-len", 256)
        self.assert_good(out)
        self.assertEqual(bytes.fromhex(out["data"]), struct.pack(">I", len(info)) + info)


class LogTest(StateCase):
    def page(self, page):
        out = self.raw(log_sense(page), "--in-len", 255)
        self.assert_good(out)
        return bytes.fromhex(out["data"])

    def test_counts(self):
        with open(self.path("src"), "wb") as f:
            f.write(b"\xA5" * MIB)
        self.srpio("write", "--bs", "64K", "--in", self.path("src"))
        data = self.page(0x19)
        self.assertEqual(struct.unpack_from(">QQ", data, 16)[0], MIB // (64 << 10))
        self.assertEqual(struct.unpack_from(">Q", data, 24)[0], MIB // BS)

    def test_space_of_a_thin_file(self):
        pages = self.page(0x00)[4:]
        if 0x0C not in pages:
            self.skipTest("the file system of the temporary directory punches no holes")
        before = self.page(0x0C)
        self.assertEqual(before[4:6] + before[16:18], b"\0\1\0\2")
        self.assertGreater(struct.unpack_from(">I", before, 8)[0], 0)
        used = struct.unpack_from(">I", before, 20)[0]
        with open(self.path("src"), "wb") as f:
            f.write(b"\xA5" * (4 * MIB))
        self.srpio("write", "--in", self.path("src"))
        self.srpio("raw", "35000000000000000000")
        self.assertGreaterEqual(struct.unpack_from(">I", self.page(0x0C), 20)[0], used + 3)
