# SPDX-License-Identifier: BSD-2-Clause
"""Residual counts (SRP r16a 6.9): the CDB and the buffers of the initiator disagree."""
import harness
import iu
from harness import Probe

BUF = 64 * 1024
FILL = 0xEE


class ResidualTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.serve_one(size="8M")
        self.probe = Probe(self)
        self.channel = self.probe.login(flags=iu.IMMED, imm_offset=68)
        self.probe.clear_ua(self.channel)
        self.mem = self.probe.mem(BUF)
        self.probe.ask("fill", self.mem["mem"], FILL)

    def desc(self, length):
        return iu.desc(self.mem["va"], self.mem["rkey"], length)

    def data_in(self, cdb, length):
        return self.probe.command(self.channel, iu.command(cdb, fmt=iu.DIRECT,
                                                           data=self.desc(length)))

    def data_out(self, cdb, length):
        return self.probe.command(self.channel, iu.command(cdb, fmt=iu.DIRECT << 4,
                                                           data=self.desc(length)))

    def check(self, rsp, flags, out_resid=0, in_resid=0, status=0):
        self.assertEqual(rsp.status, status, rsp)
        over_under = iu.DOOVER | iu.DOUNDER | iu.DIOVER | iu.DIUNDER
        self.assertEqual((rsp.flags & over_under, rsp.out_resid, rsp.in_resid),
                         (flags, out_resid, in_resid), rsp)

    def touched(self):
        """How much of the initiator's memory was written, from its start."""
        data = self.probe.peek(self.mem, 0, BUF)
        return len(data.rstrip(bytes([FILL])))

    # data-in

    def test_exact_read_has_no_residual(self):
        self.check(self.data_in(iu.read10(0, 8), 4096), 0)
        self.assertEqual(self.touched(), 4096)

    def test_read_underflow(self):
        self.check(self.data_in(iu.read10(0, 4), 4096), iu.DIUNDER, in_resid=2048)
        self.assertEqual(self.touched(), 2048)

    def test_read_overflow_moves_what_fits(self):
        self.check(self.data_in(iu.read10(0, 16), 4096), iu.DIOVER, in_resid=4096)
        self.assertEqual(self.touched(), 4096)

    def test_read_overflow_ending_inside_a_block(self):
        self.check(self.data_in(iu.read10(0, 2), 700), iu.DIOVER, in_resid=324)
        self.assertEqual(self.touched(), 700)

    def test_read_without_any_buffer(self):
        rsp = self.probe.command(self.channel, iu.command(iu.read10(0, 8)))
        self.check(rsp, iu.DIOVER, in_resid=4096)

    def test_read_with_a_buffer_of_no_bytes(self):
        self.check(self.data_in(iu.read10(0, 8), 0), iu.DIOVER, in_resid=4096)
        self.assertEqual(self.touched(), 0)

    def test_read_with_a_data_out_buffer_only(self):
        rsp = self.data_out(iu.read10(0, 8), 4096)
        self.check(rsp, iu.DIOVER | iu.DOUNDER, out_resid=4096, in_resid=4096)
        self.assertEqual(self.touched(), 0)

    def test_inquiry_underflow_with_large_allocation_length(self):
        rsp = self.data_in(bytes.fromhex("12000000ff00"), 4096)
        self.assertEqual(rsp.status, 0)
        self.assertEqual(rsp.flags & iu.DIUNDER, iu.DIUNDER)
        moved = 4096 - rsp.in_resid
        self.assertTrue(36 <= moved <= 255, moved)
        self.assertLessEqual(self.touched(), moved)

    def test_inquiry_cut_by_the_allocation_length(self):
        self.check(self.data_in(bytes.fromhex("120000000500"), 5), 0)
        self.assertEqual(self.touched(), 5)

    def test_inquiry_into_a_buffer_that_is_too_short(self):
        self.check(self.data_in(bytes.fromhex("120000002400"), 8), iu.DIOVER, in_resid=28)
        self.assertEqual(self.touched(), 8)

    def test_failed_read_moved_nothing(self):
        rsp = self.data_in(iu.read10(1 << 20, 8), 4096)
        self.check(rsp, iu.DIUNDER, in_resid=4096, status=2)
        self.assertEqual(self.touched(), 0)

    # data-out

    def file_touched(self):
        return len(self.file_bytes("disk", 0, BUF).rstrip(b"\0"))

    def test_exact_write_has_no_residual(self):
        self.check(self.data_out(iu.write10(0, 8), 4096), 0)
        self.assertEqual(self.file_touched(), 4096)

    def test_write_underflow(self):
        self.check(self.data_out(iu.write10(0, 4), 4096), iu.DOUNDER, out_resid=2048)
        self.assertEqual(self.file_touched(), 2048)

    def test_write_overflow_moves_what_came(self):
        self.check(self.data_out(iu.write10(0, 16), 4096), iu.DOOVER, out_resid=4096)
        self.assertEqual(self.file_touched(), 4096)

    def test_write_overflow_ending_inside_a_block_is_refused(self):
        rsp = self.data_out(iu.write10(0, 2), 700)
        self.assert_sense(rsp, 5, 0x0E, 3)
        self.assertEqual(self.file_touched(), 0)

    def test_write_without_any_buffer(self):
        rsp = self.probe.command(self.channel, iu.command(iu.write10(0, 8)))
        self.check(rsp, iu.DOOVER, out_resid=4096)
        self.assertEqual(self.file_touched(), 0)

    def test_write_with_a_data_in_buffer_only(self):
        rsp = self.data_in(iu.write10(0, 8), 4096)
        self.check(rsp, iu.DOOVER | iu.DIUNDER, out_resid=4096, in_resid=4096)
        self.assertEqual(self.file_touched(), 0)
        self.assertEqual(self.touched(), 0)

    def immediate(self, cdb, length):
        pad = bytes(68 - 52)
        data = length.to_bytes(4, "big") + pad + bytes([FILL]) * length
        return self.probe.command(self.channel, iu.command(cdb, fmt=iu.IMMEDIATE << 4, data=data))

    def test_immediate_write_exact_under_and_over(self):
        self.check(self.immediate(iu.write10(0, 2), 1024), 0)
        self.assertEqual(self.file_touched(), 1024)
        self.check(self.immediate(iu.write10(8, 1), 1024), iu.DOUNDER, out_resid=512)
        self.check(self.immediate(iu.write10(16, 4), 1024), iu.DOOVER, out_resid=1024)
        self.assertEqual(self.file_bytes("disk", 8 * 512, 1024), bytes([FILL]) * 512 + bytes(512))
        self.assertEqual(self.file_bytes("disk", 16 * 512, 2048),
                         bytes([FILL]) * 1024 + bytes(1024))

    def test_failed_write_took_nothing(self):
        rsp = self.data_out(iu.write10(1 << 20, 8), 4096)
        self.check(rsp, iu.DOUNDER, out_resid=4096, status=2)

    # no data wanted, and both directions

    def test_buffer_where_the_cdb_wants_none(self):
        self.check(self.data_in(iu.TUR, 4096), iu.DIUNDER, in_resid=4096)
        self.check(self.data_out(iu.TUR, 4096), iu.DOUNDER, out_resid=4096)
        self.check(self.data_out(bytes.fromhex("35000000000000000000"), 512), iu.DOUNDER,
                   out_resid=512)
        self.assertEqual(self.touched(), 0)

    def test_two_buffers_the_cdb_uses_one(self):
        both = self.desc(1024) + iu.desc(self.mem["va"] + 32768, self.mem["rkey"], 2048)
        rsp = self.probe.command(self.channel, iu.command(
            iu.read10(0, 2), fmt=iu.DIRECT << 4 | iu.DIRECT, data=both))
        self.check(rsp, iu.DOUNDER | iu.DIUNDER, out_resid=1024, in_resid=1024)
        data = self.probe.peek(self.mem, 32768, 2048)
        self.assertEqual(data, bytes(1024) + bytes([FILL]) * 1024)
        rsp = self.probe.command(self.channel, iu.command(
            iu.write10(0, 2), fmt=iu.DIRECT << 4 | iu.DIRECT, data=both))
        self.check(rsp, iu.DIUNDER, in_resid=2048)
        self.assertEqual(self.file_touched(), 1024)

    def test_indirect_buffer_longer_than_its_total_length(self):
        """The total length counts, not the sum of the descriptors."""
        descs = [iu.desc(self.mem["va"], self.mem["rkey"], 4096),
                 iu.desc(self.mem["va"] + 8192, self.mem["rkey"], 4096)]
        rsp = self.probe.command(self.channel, iu.command(
            iu.read10(0, 16), fmt=iu.INDIRECT, counts=(0, 2), data=iu.table(descs, 5120)))
        self.check(rsp, iu.DIOVER, in_resid=8192 - 5120)
        self.assertEqual(self.touched(), 8192 + 1024)

    def test_srpio_shows_residuals(self):
        out = self.raw(iu.read10(0, 1), "--in-len", 2048)
        self.assertEqual(out["data_in_residual"], "under 1536")
        out = self.raw(iu.write10(0, 4), "--out-len", 1024, "--imm", "off")
        self.assertEqual(out["data_out_residual"], "over 1024")
