# SPDX-License-Identifier: BSD-2-Clause
"""IUs that no initiator should send, each with the answer it gets."""
import struct

import harness
import iu
from harness import MIB, Probe

IMM_OFFSET = 68
D, I, M = iu.DIRECT, iu.INDIRECT, iu.IMMEDIATE
INVALID_IU = 2
SPURIOUS_RSP = 3


class MalformedCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="16M", workers=2)
        self.probe = Probe(self)
        self.channel = self.probe.login(flags=iu.IMMED, imm_offset=IMM_OFFSET)
        self.probe.clear_ua(self.channel)
        self.mem = self.probe.mem(MIB)

    def desc(self, length=4096, off=0):
        return iu.desc(self.mem["va"] + off, self.mem["rkey"], length)

    def assert_channel_works(self):
        rsp = self.probe.command(self.channel, iu.command(
            iu.read10(0, 8), tag=0x600D, fmt=D, data=self.desc()))
        self.assertEqual((rsp.status, rsp.delta), (0, 1))


class RefusedTest(MalformedCase):
    """Commands of 48 bytes or more with bad tables: CHECK CONDITION 05/0E/03, and on it goes."""

    def check(self, data):
        rsp = self.probe.command(self.channel, data)
        self.assert_sense(rsp, 5, 0x0E, 3)
        self.assertEqual(rsp.delta, 1, "the credit comes back")
        self.assert_channel_works()
        self.assertEqual(self.file_bytes("disk", 0, MIB), bytes(MIB))

    def table_cmd(self, descs, length, count=None, write=False, **fields):
        counts = len(descs) if count is None else count
        return iu.command(iu.write10(0, 8) if write else iu.read10(0, 8),
                          fmt=I << 4 if write else I, counts=(counts, 0) if write else (0, counts),
                          data=iu.table(descs, length, **fields))

    # 1: lengths of the fixed part

    def test_additional_cdb_beyond_the_iu(self):
        for words in (4, 16, 0xFC, 0xFF):
            with self.subTest(add_cdb_len=words):
                self.check(iu.command(iu.read10(0, 8), add_len=words))

    def test_additional_cdb_that_takes_the_descriptor(self):
        self.check(iu.command(iu.read10(0, 8), fmt=D, add_len=16, data=self.desc()))

    # 2: descriptors beyond what was received

    def test_direct_descriptor_cut_off(self):
        for length in (0, 1, 12, 15):
            with self.subTest(length=length):
                self.check(iu.command(iu.read10(0, 8), fmt=D, data=self.desc()[:length]))
                self.check(iu.command(iu.write10(0, 8), fmt=D << 4, data=self.desc()[:length]))

    def test_table_header_cut_off(self):
        whole = iu.table([self.desc()], 4096)
        for length in (0, 16, 19):
            with self.subTest(length=length):
                self.check(iu.command(iu.read10(0, 8), fmt=I, counts=(0, 1), data=whole[:length]))

    def test_inline_table_cut_off(self):
        whole = iu.table([self.desc(2048), self.desc(2048, 4096)], 4096)
        for length in (20, 36, 51):
            with self.subTest(length=length):
                self.check(iu.command(iu.read10(0, 8), fmt=I, counts=(0, 2), data=whole[:length]))

    def test_count_larger_than_the_table_in_the_iu(self):
        self.check(self.table_cmd([self.desc()], 4096, count=255))
        self.check(self.table_cmd([self.desc()], 4096, count=2, write=True))

    def test_second_buffer_cut_off(self):
        data = self.desc() + self.desc()[:8]
        self.check(iu.command(iu.read10(0, 8), fmt=D << 4 | D, data=data))

    def test_stale_bytes_of_an_earlier_iu_are_not_used(self):
        """A good command first, then the same one cut before its descriptor."""
        whole = iu.command(iu.write10(0, 8), fmt=D << 4, data=self.desc())
        self.assertEqual(self.probe.command(self.channel, whole).status, 0)
        for _ in range(200):
            self.assert_sense(self.probe.command(self.channel, whole[:48]), 5, 0x0E, 3)

    # 3: numbers of table entries

    def test_table_length_no_multiple_of_16(self):
        for length in (1, 15, 17, 33):
            with self.subTest(length=length):
                self.check(self.table_cmd([self.desc()], 4096, table_len=length))

    def test_table_shorter_than_its_inline_part(self):
        self.check(self.table_cmd([self.desc(), self.desc()], 4096, table_len=16))
        self.check(self.table_cmd([self.desc()], 4096, table_len=0))

    def test_table_beyond_any_limit(self):
        for length in (16 * (1 << 20), 0xFFFFFFF0):
            with self.subTest(length=length):
                self.check(self.table_cmd([self.desc()], 4096, table_len=length,
                                          va=self.mem["va"], rkey=self.mem["rkey"]))

    def test_empty_table_is_no_buffer(self):
        rsp = self.probe.command(self.channel, iu.command(iu.TUR, fmt=I, data=iu.table([], 0)))
        self.assertEqual(rsp.status, 0)
        self.assert_channel_works()

    def test_empty_table_with_a_length(self):
        self.check(iu.command(iu.read10(0, 8), fmt=I, data=iu.table([], 4096)))

    # 4: sums

    def test_descriptors_cover_less_than_the_length(self):
        self.check(self.table_cmd([self.desc(2048)], 4096))
        self.check(self.table_cmd([self.desc(2048), self.desc(2047)], 4096, write=True))
        self.check(self.table_cmd([self.desc(4096)], 0xFFFFFFFF))

    def test_sum_that_is_zero_in_32_bits(self):
        """2^31 + 2^31: enough by any honest sum, so the command runs, on 8 blocks only."""
        descs = [self.desc(1 << 31), self.desc(1 << 31)]
        rsp = self.probe.command(self.channel, self.table_cmd(descs, 4096))
        self.assertEqual(rsp.status, 0, rsp)
        self.assert_channel_works()

    def test_fetched_table_covers_less_than_the_length(self):
        self.probe.poke(self.mem, 8192, self.desc(1024) * 3)
        self.check(self.table_cmd([self.desc(1024)], 4096, table_len=48,
                                  va=self.mem["va"] + 8192, rkey=self.mem["rkey"]))

    # 6: formats

    def test_unknown_formats(self):
        for fmt in (0x04, 0x0F, 0x40, 0xF0, 0x14, 0x41):
            with self.subTest(fmt=hex(fmt)):
                self.check(iu.command(iu.read10(0, 8), fmt=fmt, data=self.desc() * 3))

    def test_immediate_data_in(self):
        self.check(iu.command(iu.read10(0, 1), fmt=M, data=bytes(1024)))

    # immediate data

    def immediate(self, length, payload, **fields):
        data = struct.pack(">I", length) + bytes(IMM_OFFSET - 52) + payload
        return iu.command(iu.write10(0, 1), fmt=M << 4, data=data, **fields)

    def test_immediate_data_beyond_the_iu(self):
        for length in (513, 8192, 0xFFFFFFFF):
            with self.subTest(length=length):
                self.check(self.immediate(length, b"\xcc" * 512))

    def test_immediate_length_cut_off(self):
        self.check(iu.command(iu.write10(0, 1), fmt=M << 4, data=b"\0\0\2"))

    def test_immediate_data_over_the_additional_cdb(self):
        for words in (20, 64):
            with self.subTest(words=words):
                data = struct.pack(">I", 512) + b"\xcc" * 1024
                self.check(iu.command(iu.write10(0, 1), fmt=M << 4, add_cdb=bytes(words),
                                      data=data))

    def test_immediate_data_that_was_not_granted(self):
        channel = self.probe.login(flags=iu.MULTI)
        rsp = self.probe.command(channel, self.immediate(512, b"\xcc" * 512))
        self.assert_sense(rsp, 5, 0x0E, 3)
        self.assertEqual(self.probe.command(channel, iu.command(iu.TUR)).status, 0)

    # the log

    def test_refusals_are_rate_limited_in_the_log(self):
        for i in range(200):
            self.probe.command(self.channel, iu.command(iu.read10(0, 8), fmt=0x0F, tag=i))
        lines = self.daemon.log().count("SRP_CMD refused")
        self.assertGreater(lines, 0)
        self.assertLess(lines, 100)


class ClosedTest(MalformedCase):
    """Messages that are no requests: T_LOGOUT (invalid IU), then the end of this channel."""

    def setUp(self):
        super().setUp()
        self.other = Probe(self)
        self.safe = self.other.login(initiator=bytes(15) + b"\x55")
        self.other.clear_ua(self.safe)

    def check_logout(self, data, reason=INVALID_IU):
        self.probe.send(self.channel, data)
        got = [x for _, x in self.probe.recv(1)]
        self.assertEqual([x[0] for x in got], [iu.SRP_T_LOGOUT], [x.hex() for x in got])
        self.assertEqual(int.from_bytes(got[0][4:8], "big"), reason)
        self.check_ended()

    def check_ended(self):
        self.probe.wait_end(self.channel)
        self.daemon.wait_log("channel ended")
        self.assertEqual(self.other.command(self.safe, iu.command(iu.TUR)).status, 0)
        self.assertEqual(self.probe.live(), [])
        self.assert_serves()

    def test_unknown_opcode(self):
        self.check_logout(b"\x7f" + bytes(47))

    def test_opcodes_of_the_target(self):
        self.check_logout(bytes([iu.SRP_RSP]) + bytes(47))

    def test_login_request_on_the_channel(self):
        self.check_logout(bytes(64))

    def test_short_command(self):
        self.check_logout(iu.command(iu.TUR)[:47])

    def test_short_task_management(self):
        self.check_logout(iu.task_mgmt(iu.TM_LUN_RESET)[:47])

    def test_one_byte(self):
        self.check_logout(bytes([iu.SRP_CMD]))

    def test_empty_message(self):
        self.check_logout(b"")

    def test_credit_response_without_request(self):
        self.check_logout(bytes([iu.SRP_CRED_RSP]) + bytes(15), SPURIOUS_RSP)

    def test_event_response_without_request(self):
        self.check_logout(bytes([iu.SRP_AER_RSP]) + bytes(15), SPURIOUS_RSP)

    def test_overrun_of_the_request_limit(self):
        """More commands than credits, while all of them still wait for their data."""
        channel, _, data = self.probe.login_raw(iu.login_req(flags=iu.MULTI))
        limit = iu.parse_login(data).req_lim
        big = iu.command(iu.write10(0, 2048), fmt=D << 4, data=self.desc(MIB))
        self.probe.send(channel, big, limit + 60)
        self.probe.wait_end(channel)
        self.probe.recv(0, 0)  # the answers until then
        self.daemon.wait_log("overran its request limit")
        self.assertEqual(self.other.command(self.safe, iu.command(iu.TUR)).status, 0)
        self.assert_channel_works()

    # memory that is not the initiator's to give

    def bad_memory(self, data):
        self.probe.send(self.channel, data)
        self.probe.wait_end(self.channel)
        self.assertEqual(self.file_bytes("disk", 0, MIB), bytes(MIB))
        self.check_ended()

    def test_rkey_that_does_not_exist(self):
        bad = iu.desc(self.mem["va"], self.mem["rkey"] ^ 0x5A5A5A00, 4096)
        self.bad_memory(iu.command(iu.read10(0, 8), fmt=D, data=bad))

    def test_rkey_that_does_not_exist_in_a_write(self):
        bad = iu.desc(self.mem["va"], self.mem["rkey"] ^ 0x5A5A5A00, 4096)
        self.bad_memory(iu.command(iu.write10(0, 8), fmt=D << 4, data=bad))

    def test_descriptor_beyond_the_memory_region(self):
        self.bad_memory(iu.command(iu.read10(0, 8), fmt=D, data=self.desc(4096, MIB - 4095)))

    def test_descriptor_before_the_memory_region(self):
        self.bad_memory(iu.command(iu.write10(0, 8), fmt=D << 4, data=self.desc(4096, -1)))

    def test_address_that_wraps_around(self):
        bad = iu.desc((1 << 64) - 2048, self.mem["rkey"], 4096)
        self.bad_memory(iu.command(iu.read10(0, 8), fmt=D, data=bad))

    def test_descriptor_table_out_of_the_region(self):
        table = iu.table([self.desc(512)], 4096, table_len=160, va=self.mem["va"] + MIB - 16,
                         rkey=self.mem["rkey"])
        self.bad_memory(iu.command(iu.read10(0, 8), fmt=I, counts=(0, 1), data=table))

    def test_bad_descriptor_among_many_good_commands(self):
        """Those before it are answered or not; the channel ends; nothing of it stays behind."""
        for i in range(min(20, self.probe.limit[self.channel] - 1)):
            self.probe.send(self.channel, iu.command(iu.write10(0, 512), tag=i, fmt=D << 4,
                                                     data=self.desc(512 * 512)))
        bad = iu.desc(self.mem["va"], 1, 4096)
        self.probe.send(self.channel, iu.command(iu.write10(0, 8), tag=99, fmt=D << 4, data=bad))
        self.check_ended()

    def test_raw_iu_of_srpio(self):
        out = self.srpio("raw-iu", "--hex", "7f" + "00" * 47, code=1).json
        self.assertTrue(out["disconnected"])
        self.assertIn("SRP_T_LOGOUT", out["received"][0])
