# SPDX-License-Identifier: BSD-2-Clause
"""Commands with data in both directions, and CDBs of 32 bytes (additional CDB bytes of SRP_CMD)."""
import os

import harness
import iu
from harness import Probe

BS = 512
OVER_UNDER = iu.DOOVER | iu.DOUNDER | iu.DIOVER | iu.DIUNDER


def long_cdb(action, lba, blocks, options=0):
    return (bytes([0x7F, 0, 0, 0, 0, 0, 0, 24]) + action.to_bytes(2, "big") +
            bytes([options, 0]) + lba.to_bytes(8, "big") + bytes(8) + blocks.to_bytes(4, "big"))


def xdwriteread10(lba, blocks, options=0):
    return (bytes([0x53, options]) + lba.to_bytes(4, "big") + b"\0" +
            blocks.to_bytes(2, "big") + b"\0")


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


class BidiTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="8M")

    def old_data(self, length):
        """Random bytes at the start of the LUN, written before the daemon sees them."""
        data = os.urandom(length)
        with open(self.path("disk"), "r+b") as f:
            f.write(data)
        return data

    def out_file(self, data):
        with open(self.path("out"), "wb") as f:
            f.write(data)
        return self.path("out")

    def exchange(self, cdb, new, in_len, *more):
        extra = ("--additional", cdb[16:].hex()) if len(cdb) > 16 else ()
        return self.raw(cdb[:16], *extra, "--in-len", in_len, "--out-file", self.out_file(new), *more)

    def check(self, cdb, blocks, writes=True):
        old = self.old_data(blocks * BS)
        new = os.urandom(blocks * BS)
        out = self.exchange(cdb, new, blocks * BS)
        self.assert_good(out)
        self.assertEqual(bytes.fromhex(out["data"]), xor(old, new))
        self.assertEqual(self.file_bytes("disk", 0, blocks * BS), new if writes else old)

    def test_xor_of_old_and_new_comes_back(self):
        for blocks in (1, 8, 64, 65, 300, 4096):
            with self.subTest(blocks=blocks):
                self.check(xdwriteread10(0, blocks), blocks)

    def test_long_form(self):
        for blocks in (1, 200):
            with self.subTest(blocks=blocks):
                self.check(long_cdb(7, 0, blocks), blocks)

    def test_disable_write_leaves_the_medium(self):
        self.check(xdwriteread10(0, 16, 0x04), 16, writes=False)
        self.check(long_cdb(7, 0, 16, 0x04), 16, writes=False)

    def test_residuals_of_both_directions(self):
        old = self.old_data(8 * BS)
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(65536)
        half = 32768
        for blocks, out_len, in_len, flags, out_resid, in_resid in (
                (2, 1024, 1024, 0, 0, 0),
                (2, 2048, 100, iu.DOUNDER | iu.DIOVER, 1024, 924),
                (4, 1024, 4096, iu.DOOVER | iu.DIUNDER, 1024, 3072),
                (1, 512, 512, 0, 0, 0)):
            with self.subTest(blocks=blocks, out_len=out_len, in_len=in_len):
                new = os.urandom(out_len)
                before = self.file_bytes("disk", 0, 8 * BS)
                probe.poke(mem, 0, new)
                probe.poke(mem, half, b"\xee" * 8192)
                data = (iu.desc(mem["va"], mem["rkey"], out_len) +
                        iu.desc(mem["va"] + half, mem["rkey"], in_len))
                rsp = probe.command(channel, iu.command(
                    xdwriteread10(0, blocks), fmt=iu.DIRECT << 4 | iu.DIRECT, data=data))
                self.assertEqual((rsp.status, rsp.flags & OVER_UNDER, rsp.out_resid,
                                  rsp.in_resid), (0, flags, out_resid, in_resid))
                moved = min(blocks * BS, out_len)
                wanted = xor(before, new[:moved])[:in_len]
                got = probe.peek(mem, half, 8192)
                self.assertEqual(got, wanted + b"\xee" * (8192 - len(wanted)))
                self.assertEqual(self.file_bytes("disk", 0, 8 * BS),
                                 new[:moved] + before[moved:])
        self.assertNotEqual(old, self.file_bytes("disk", 0, 8 * BS))

    def test_indirect_descriptors_in_both_directions(self):
        old = self.old_data(96 * BS)
        new = os.urandom(96 * BS)
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(262144)
        half = 131072
        probe.poke(mem, 0, new)
        piece = 96 * BS // 4

        def table(base):
            return iu.table([iu.desc(mem["va"] + base + i * piece, mem["rkey"], piece)
                             for i in range(4)], 96 * BS)
        rsp = probe.command(channel, iu.command(
            xdwriteread10(0, 96), fmt=iu.INDIRECT << 4 | iu.INDIRECT, counts=(4, 4),
            data=table(0) + table(half)))
        self.assertEqual((rsp.status, rsp.flags & OVER_UNDER), (0, 0))
        self.assertEqual(probe.peek(mem, half, 96 * BS), xor(old, new))
        self.assertEqual(self.file_bytes("disk", 0, 96 * BS), new)

    def test_read_and_write_long(self):
        data = os.urandom(16 * BS)
        cdb = long_cdb(0x0B, 100, 16)
        self.assert_good(self.raw(cdb[:16], "--additional", cdb[16:].hex(), "--out-file",
                                  self.out_file(data)))
        self.assertEqual(self.file_bytes("disk", 100 * BS, 16 * BS), data)
        cdb = long_cdb(0x09, 100, 16)
        out = self.raw(cdb[:16], "--additional", cdb[16:].hex(), "--in-len", 16 * BS)
        self.assert_good(out)
        self.assertEqual(bytes.fromhex(out["data"]), data)
        cdb = long_cdb(0x0A, 100, 16, 0x02)
        self.assert_good(self.raw(cdb[:16], "--additional", cdb[16:].hex(), "--out-file",
                                  self.out_file(data)))
        out = self.raw(cdb[:16], "--additional", cdb[16:].hex(), "--out-file",
                       self.out_file(data[:-1] + bytes([data[-1] ^ 1])))
        self.assert_sense(out, 0x0E, 0x1D, 0)

    def test_long_cdb_that_did_not_come_whole(self):
        cdb = long_cdb(0x09, 0, 1)
        self.assert_sense(self.raw(cdb[:16], "--in-len", BS), 5, 0x24, 0)
        self.assert_sense(self.raw(cdb[:16], "--additional", cdb[16:28].hex(), "--in-len", BS),
                          5, 0x24, 0)

    def partial(self, probe, mem, base, at, inline, length, n=4):
        """An indirect buffer of n pieces at base, its whole table in memory at the offset at."""
        piece = 96 * BS // n
        descs = [iu.desc(mem["va"] + base + i * piece, mem["rkey"], piece) for i in range(n)]
        probe.poke(mem, at, b"".join(descs))
        return iu.table(descs[:inline], length, mem["va"] + at, mem["rkey"], 16 * n)

    def test_partial_tables(self):
        """Only some descriptors are in the IU: of either direction, of both."""
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(262144)
        half, tables = 131072, 200000
        for n_out, n_in in ((1, 4), (4, 0), (2, 3), (0, 0)):
            with self.subTest(n_out=n_out, n_in=n_in):
                old = self.file_bytes("disk", 0, 96 * BS)
                new = os.urandom(96 * BS)
                probe.poke(mem, 0, new)
                probe.poke(mem, half, bytes(96 * BS))
                out = self.partial(probe, mem, 0, tables, n_out, 96 * BS)
                back = self.partial(probe, mem, half, tables + 64, n_in, 96 * BS)
                rsp = probe.command(channel, iu.command(
                    xdwriteread10(0, 96), fmt=iu.INDIRECT << 4 | iu.INDIRECT, counts=(n_out, n_in),
                    data=out + back))
                self.assertEqual((rsp.status, rsp.flags & OVER_UNDER), (0, 0))
                self.assertEqual(probe.peek(mem, half, 96 * BS), xor(old, new))
                self.assertEqual(self.file_bytes("disk", 0, 96 * BS), new)

    def test_bad_partial_tables(self):
        """Too short for its data, in the second table; longer together than a buffer."""
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(262144)
        old = self.file_bytes("disk", 0, 96 * BS)
        out = self.partial(probe, mem, 0, 200000, 1, 96 * BS)
        short = self.partial(probe, mem, 131072, 200064, 1, 96 * BS + 1)
        long_out, long_in = (iu.table([], 512, mem["va"], mem["rkey"], 200000) for _ in range(2))
        for counts, data in (((1, 1), out + short), ((0, 0), long_out + long_in)):
            with self.subTest(counts=counts):
                rsp = probe.command(channel, iu.command(
                    xdwriteread10(0, 96), fmt=iu.INDIRECT << 4 | iu.INDIRECT, counts=counts,
                    data=data))
                self.assertEqual(rsp.status, 2)
                self.assertEqual(rsp.sense[2:3] + rsp.sense[12:14], b"\x05\x0e\x03")
                self.assertEqual(self.file_bytes("disk", 0, 96 * BS), old)
        self.assertEqual(probe.command(channel, iu.command(iu.TUR)).status, 0)
