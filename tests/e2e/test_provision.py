# SPDX-License-Identifier: BSD-2-Clause
"""WRITE SAME, UNMAP and VERIFY: what they do to the file, seen from outside."""
import os
import struct

import harness
import iu
from harness import MIB

BLOCK = 512
ENOUGH = 4 * MIB  # bytes that are unmapped; more than any file system's bookkeeping


def write_same10(lba, blocks, byte1=0):
    return struct.pack(">BBIxHx", 0x41, byte1, lba, blocks)


def write_same16(lba, blocks, byte1=0):
    return struct.pack(">BBQI2x", 0x93, byte1, lba, blocks)


def unmap(length):
    return struct.pack(">B6xHx", 0x42, length)


def unmap_list(*ranges):
    rows = b"".join(struct.pack(">QI4x", lba, blocks) for lba, blocks in ranges)
    return struct.pack(">HH4x", len(rows) + 6, len(rows)) + rows


def verify10(lba, blocks, bytchk=0):
    return struct.pack(">BBIxHx", 0x2F, bytchk << 1, lba, blocks)


class ProvisionCase(harness.Case):
    thin = True

    def setUp(self):
        super().setUp()
        self.data = os.urandom(8 * MIB)
        with open(self.path("disk"), "wb") as f:
            f.write(self.data)
            os.fsync(f.fileno())
        self.serve_one(size="8M", lun={"thin_provisioned": self.thin})

    def out(self, cdb, data, *args):
        path = self.path("data-out")
        with open(path, "wb") as f:
            f.write(data)
        return self.raw(cdb, "--out-file", path, *args)

    def allocated(self):
        return os.stat(self.path("disk")).st_blocks * 512

    def check_file(self, lba, blocks, pattern):
        """The range is filled with the pattern; all else is as it was."""
        at, length = lba * BLOCK, blocks * BLOCK
        now = self.file_bytes("disk", 0, 8 * MIB)
        self.assertEqual(now[:at], self.data[:at])
        self.assertEqual(now[at:at + length], pattern * (length // len(pattern)))
        self.assertEqual(now[at + length:], self.data[at + length:])

    def check_read(self, lba, blocks, data):
        out = self.raw(iu.read10(lba, blocks), "--in-len", blocks * BLOCK)
        self.assertEqual(out["data"], data.hex())

    def check_hole(self, before, lba, blocks):
        self.check_file(lba, blocks, bytes(BLOCK))
        self.check_read(lba, 64, bytes(64 * BLOCK))
        self.assertLessEqual(self.allocated(), before - blocks * BLOCK + MIB)


class ThinTest(ProvisionCase):
    def setUp(self):
        super().setUp()
        page = self.srpio("inquiry", "--page", "b2").json
        if not page["unmap"]:
            self.skipTest("the file system of the temporary directory punches no holes")
        self.before = self.allocated()

    def test_unmap_makes_a_hole(self):
        data = unmap_list((2048, ENOUGH // BLOCK))
        self.assert_good(self.out(unmap(len(data)), data))
        self.check_hole(self.before, 2048, ENOUGH // BLOCK)

    def test_lba_status_tells_the_hole(self):
        data = unmap_list((2048, ENOUGH // BLOCK))
        self.assert_good(self.out(unmap(len(data)), data))
        out = self.raw(struct.pack(">BBQI2x", 0x9E, 0x12, 0, 8 + 4 * 16), "--in-len", 8 + 4 * 16)
        self.assert_good(out)
        rows = bytes.fromhex(out["data"])[8:]
        found = [struct.unpack(">QIB3x", rows[i:i + 16]) for i in range(0, len(rows), 16)]
        self.assertEqual(found, [(0, 2048, 0), (2048, ENOUGH // BLOCK, 1),
                                 (2048 + ENOUGH // BLOCK, 16384 - 2048 - ENOUGH // BLOCK, 0)])

    def test_unmap_of_several_ranges(self):
        ranges = [(0, 1024), (4096, 1024), (8192, 0), (12288, 4096)]
        data = unmap_list(*ranges)
        self.assert_good(self.out(unmap(len(data)), data))
        expected = bytearray(self.data)
        for lba, blocks in ranges:
            expected[lba * BLOCK:(lba + blocks) * BLOCK] = bytes(blocks * BLOCK)
        self.assertEqual(self.file_bytes("disk", 0, 8 * MIB), bytes(expected))

    def test_unmap_of_unaligned_blocks_reads_as_zero(self):
        data = unmap_list((3, 1))
        self.assert_good(self.out(unmap(len(data)), data))
        self.check_file(3, 1, bytes(BLOCK))

    def test_unmap_beyond_the_end_does_nothing(self):
        data = unmap_list((0, 8), (16384, 1))
        self.assert_sense(self.out(unmap(len(data)), data), 5, 0x21, 0)
        self.assertEqual(self.file_bytes("disk", 0, 8 * MIB), self.data)

    def test_unmap_lists_that_are_malformed(self):
        good = unmap_list((0, 8))
        cases = {
            "shorter than its header": (unmap(4), good[:4]),
            "descriptors beyond what came": (unmap(24), struct.pack(">HH4x", 38, 32) + good[8:]),
            "first length too small": (unmap(24), struct.pack(">HH4x", 6, 16) + good[8:]),
        }
        for name, (cdb, data) in cases.items():
            with self.subTest(name):
                out = self.out(cdb, data)
                self.assertEqual(out["status_code"], 2, out)
                self.assertEqual(int(out["sense_data"][4:6], 16) & 15, 5)
        self.assert_good(self.raw(unmap(0)))
        self.assertEqual(self.file_bytes("disk", 0, 8 * MIB), self.data)

    def test_write_same_with_unmap_makes_a_hole(self):
        out = self.out(write_same16(2048, ENOUGH // BLOCK, 0x08), bytes(BLOCK))
        self.assert_good(out)
        self.check_hole(self.before, 2048, ENOUGH // BLOCK)

    def test_write_same_without_data_out(self):
        self.assert_good(self.raw(write_same16(2048, ENOUGH // BLOCK, 0x09)))
        self.check_hole(self.before, 2048, ENOUGH // BLOCK)

    def test_unmapped_blocks_can_be_written_again(self):
        data = unmap_list((0, 16384))
        self.assert_good(self.out(unmap(len(data)), data))
        self.srpio("verify", "--count", 4096)


class ThickTest(ProvisionCase):
    thin = False

    def test_unmap_is_not_supported(self):
        data = unmap_list((0, 8))
        self.assert_sense(self.out(unmap(len(data)), data), 5, 0x20, 0)
        self.assert_sense(self.out(write_same16(0, 8, 0x08), bytes(BLOCK)), 5, 0x24, 0)

    def test_write_same_fills_the_range(self):
        block = os.urandom(BLOCK)
        for cdb, blocks in ((write_same10(5, 1), 1), (write_same10(5, 1000), 1000),
                            (write_same16(5, 5000), 5000)):
            with self.subTest(cdb=cdb.hex()):
                self.assert_good(self.out(cdb, block))
                self.check_file(5, blocks, block)

    def test_write_same_of_zeroes(self):
        self.assert_good(self.out(write_same10(77, 300), bytes(BLOCK)))
        self.check_file(77, 300, bytes(BLOCK))

    def test_write_same_of_no_blocks_is_refused(self):
        """WSNZ: 0 does not mean all."""
        self.assert_sense(self.out(write_same10(0, 0), bytes(BLOCK)), 5, 0x24, 0)
        self.assertEqual(self.file_bytes("disk", 0, 8 * MIB), self.data)

    def test_write_same_beyond_the_end(self):
        self.assert_sense(self.out(write_same10(16383, 2), bytes(BLOCK)), 5, 0x21, 0)

    def test_verify_medium_only(self):
        self.assert_good(self.raw(verify10(0, 2048)))
        self.assert_sense(self.raw(verify10(16383, 2)), 5, 0x21, 0)

    def test_verify_compares(self):
        for style in ((), ("--imm", "on"), ("--desc", "indirect-partial", "--sg", 9,
                                            "--sg-inline", 2, "--sg-odd")):
            with self.subTest(style=style):
                length = 300 * BLOCK
                self.assert_good(self.out(verify10(0, 300, 1), self.data[:length], *style))

    def test_verify_finds_the_first_difference(self):
        data = bytearray(self.data[:300 * BLOCK])
        for at in (len(data) - 1, 100000, 70000, 1, 0):
            data[at] ^= 1
            out = self.out(verify10(0, 300, 1), bytes(data))
            self.assert_sense(out, 0xE, 0x1D, 0)
            info = int(out["sense_data"][6:14], 16)
            self.assertEqual(info, at, "INFORMATION is the offset of the difference")

    def test_verify_against_one_block(self):
        block = os.urandom(BLOCK)
        self.assert_good(self.out(write_same10(10, 1000), block))
        self.assert_good(self.out(verify10(10, 1000, 3), block))
        self.assert_sense(self.out(verify10(9, 1001, 3), block), 0xE, 0x1D, 0)

    def test_write_and_verify(self):
        data = os.urandom(200 * BLOCK)
        for bytchk in (0, 1):
            cdb = struct.pack(">BBIxHx", 0x2E, bytchk << 1, 40, 200)
            self.assert_good(self.out(cdb, data))
            self.assertEqual(self.file_bytes("disk", 40 * BLOCK, len(data)), data)
