# SPDX-License-Identifier: BSD-2-Clause
"""Third party copies: EXTENDED COPY and tokens between LUNs, by initiators with different LUNs."""
import os
import struct

import harness
import iu
from harness import Probe, group, target

BS = 512
MIB = 1 << 20
UNREACHABLE = (0x0A, 0x0D, 2)
THIRD_PARTY_FAILURE = (0x0A, 0x0D, 1)
TOKEN_UNKNOWN = (5, 0x23, 4)
TOKEN_REVOKED = (5, 0x23, 6)
CONFLICT = 0x18


def segment(src, src_lba, dst, dst_lba, blocks):
    return struct.pack(">BBHHHHHQQ", 2, 0, 24, src, dst, 0, blocks, src_lba, dst_lba)


def lun(case, name, size, **more):
    return dict(name=name, path=case.path(name), size=size, **more)


class Side:
    """One initiator port with a channel."""

    def __init__(self, case, number):
        self.case = case
        self.probe = Probe(case)
        self.channel = self.probe.login(initiator=bytes([number] * 16))
        self.mem = self.probe.mem(1 << 17)

    def ready(self, *luns):
        for lun in luns:
            self.probe.clear_ua(self.channel, lun)
        return self

    def desc(self, length):
        return iu.desc(self.mem["va"], self.mem["rkey"], length)

    def send_out(self, cdb, data, lun=0, tag=1):
        self.probe.poke(self.mem, 0, data)
        self.probe.send(self.channel, iu.command(cdb, lun, tag=tag, fmt=iu.DIRECT << 4,
                                                 data=self.desc(len(data))))

    def answer(self):
        return iu.parse_rsp(self.probe.recv()[0][1])

    def out(self, cdb, data, lun=0):
        self.send_out(cdb, data, lun)
        return self.answer()

    def read(self, cdb, length, lun=0):
        rsp = self.probe.command(self.channel, iu.command(cdb, lun, fmt=iu.DIRECT,
                                                          data=self.desc(length)))
        self.case.assertEqual(rsp.status, 0, rsp)
        return self.probe.peek(self.mem, 0, length - rsp.in_resid)

    def write(self, lba, data, lun=0):
        rsp = self.out(iu.write10(lba, len(data) // BS), data, lun)
        self.case.assertEqual(rsp.status, 0, rsp)

    def cscd(self, lun):
        """An identification descriptor with the LUN's NAA designator from VPD page 83h."""
        data = self.read(bytes([0x12, 1, 0x83, 1, 0, 0]), 256, lun)
        at = 4
        while at < len(data):
            if data[at + 1] == 3:
                return (bytes([0xE4, 0, 0, 0]) + data[at:at + 12]).ljust(32, b"\0")
            at += 4 + data[at + 3]
        raise AssertionError("no NAA designator")

    def xcopy(self, cscds, segments, list_id=7):
        cscds, segments = b"".join(cscds), b"".join(segments)
        data = struct.pack(">BBH4xI4x", list_id, 0, len(cscds), len(segments)) + cscds + segments
        return bytes([0x83]) + bytes(9) + len(data).to_bytes(4, "big") + bytes(2), data

    def copy_status(self, list_id=7, lun=0):
        data = self.read(bytes([0x84, 0, list_id]) + bytes(7) + (64).to_bytes(4, "big") + bytes(2),
                         64, lun)
        return data[4], int.from_bytes(data[5:7], "big"), int.from_bytes(data[8:12], "big")

    def token_cdb(self, action, data):
        return bytes([0x83, action]) + bytes(4) + (9).to_bytes(4, "big") \
            + len(data).to_bytes(4, "big") + bytes(2)

    def populate(self, lba, blocks, lun=0):
        data = struct.pack(">H12xHQI4x", 30, 16, lba, blocks)
        rsp = self.out(self.token_cdb(0x10, data), data, lun)
        self.case.assertEqual(rsp.status, 0, rsp)
        cdb = bytes([0x84, 7]) + (9).to_bytes(4, "big") + bytes(4) + (1024).to_bytes(4, "big") \
            + bytes(2)
        answer = self.read(cdb, 1024, lun)
        self.case.assertEqual(len(answer), 38 + 512)
        return answer[38:]

    def use(self, token, lba, blocks, lun=0, offset=0):
        data = struct.pack(">H6xQ512s6xHQI4x", 550, offset, token, 16, lba, blocks)
        return self.out(self.token_cdb(0x11, data), data, lun)


class CopyTest(harness.Case):
    def serve_two(self, b=None, **more):
        """LUNs 0 and 1 for the first initiator."""
        return self.serve([lun(self, "a", "16M", **more),
                           lun(self, "b", "16M", **(b or more))],
                          [target(group({0: "a", 1: "b"}))], workers=2)

    def test_from_file_to_file(self):
        self.serve_two()
        side = Side(self, 1).ready(0, 1)
        data = os.urandom(64 * BS)
        side.write(100, data)
        rsp = side.out(*side.xcopy([side.cscd(0), side.cscd(1)],
                                   [segment(0, 100, 1, 5000, 64), segment(1, 5000, 0, 7, 2),
                                    segment(0, 0, 1, 10000, 20000)]))
        self.assertEqual(rsp.status, 0, rsp)
        self.assertEqual(self.file_bytes("b", 5000 * BS, 64 * BS), data)
        self.assertEqual(self.file_bytes("a", 7 * BS, 2 * BS), data[:2 * BS])
        self.assertEqual(self.file_bytes("b", 10000 * BS, 20000 * BS),
                         self.file_bytes("a", 0, 20000 * BS))
        self.assertEqual(side.copy_status(), (1, 3, (64 + 2 + 20000) * BS))

    def test_where_the_kernel_does_not_help(self):
        """A fault rule on either side: every piece is a read and a write."""
        self.serve([lun(self, "a", "16M", fault=[{"op": "write", "from": "15M",
                                                       "error": "EIO"}]),
                    lun(self, "b", "16M")], [target(group({0: "a", 1: "b"}))], workers=2)
        side = Side(self, 1).ready(0, 1)
        data = os.urandom(128 * BS)
        side.write(100, data)
        both = [side.cscd(0), side.cscd(1)]
        rsp = side.out(*side.xcopy(both, [segment(0, 0, 1, 0, 4000)]))
        self.assertEqual(rsp.status, 0, rsp)
        self.assertEqual(self.file_bytes("b", 0, 4000 * BS), self.file_bytes("a", 0, 4000 * BS))
        last = 15 * MIB // BS
        rsp = side.out(*side.xcopy(both, [segment(1, 100, 0, 5, 1), segment(1, 0, 0, last, 8)]))
        self.assertEqual(iu.sense_code(rsp.sense), THIRD_PARTY_FAILURE, rsp)
        self.assertEqual(side.copy_status(), (2, 1, BS))

    def test_no_other_groups_disk(self):
        """CVE-2020-28374: what an initiator does not see it cannot have copied, by any name.

        A read of the other group's disk would end the daemon."""
        trap = [{"op": "any", "kill": True}]
        daemon = self.serve(
            [lun(self, "a", "4M"), lun(self, "b", "4M", fault=trap)],
            [target(group({0: "a"}, initiators=[(b"\1" * 16).hex()], name="one"),
                    group({0: "b"}, initiators=[(b"\2" * 16).hex()], name="two"))], workers=2)
        thief, owner = Side(self, 1).ready(0), Side(self, 2).ready(0)
        own, others = thief.cscd(0), owner.cscd(0)
        for cscds in ([others, own], [own, others], [others, others]):
            rsp = thief.out(*thief.xcopy(cscds, [segment(0, 0, 1, 100, 8)]))
            self.assertEqual(iu.sense_code(rsp.sense), UNREACHABLE, rsp)
        token = owner.populate(0, 8)
        rsp = thief.use(token, 100, 8)
        self.assertEqual(iu.sense_code(rsp.sense), TOKEN_UNKNOWN, rsp)
        self.assertTrue(daemon.alive())
        self.assertEqual(self.file_bytes("a", 100 * BS, 8 * BS), bytes(8 * BS))
        # the trap works: the owner's own read is its end
        owner.probe.send(owner.channel, iu.command(iu.read10(0, 1), fmt=iu.DIRECT,
                                                   data=owner.desc(BS)))
        harness.wait_for(lambda: not daemon.alive(), "the end of the daemon")
        self.daemons.remove(daemon)

    def test_a_read_only_mapping_is_not_written(self):
        self.serve([lun(self, "a", "4M"), lun(self, "b", "4M")],
                   [target(group({0: "a", 1: "b"}, read_only=(1,)))])
        side = Side(self, 1).ready(0, 1)
        side.write(0, b"\x11" * BS)
        both = [side.cscd(0), side.cscd(1)]
        rsp = side.out(*side.xcopy(both, [segment(0, 0, 1, 0, 1)]))
        self.assertEqual(iu.sense_code(rsp.sense), THIRD_PARTY_FAILURE)
        self.assertEqual(self.file_bytes("b", 0, BS), bytes(BS))
        self.assertEqual(side.out(*side.xcopy(both, [segment(1, 0, 0, 5, 1)])).status, 0)

    def test_reservations_of_others_hold(self):
        self.serve_two()
        a, b = Side(self, 1).ready(0, 1), Side(self, 2).ready(0, 1)
        register = (bytes([0x5F, 0, 0, 0, 0]) + (24).to_bytes(4, "big") + b"\0",
                    struct.pack(">QQ8x", 0, 0x22))
        reserve = (bytes([0x5F, 1, 1, 0, 0]) + (24).to_bytes(4, "big") + b"\0",
                   struct.pack(">QQ8x", 0x22, 0))
        both = [a.cscd(0), a.cscd(1)]
        self.assertEqual(b.out(*register, lun=1).status, 0)
        self.assertEqual(b.out(*reserve, lun=1).status, 0)  # write exclusive
        rsp = a.out(*a.xcopy(both, [segment(0, 0, 1, 0, 8)]))
        self.assertEqual(iu.sense_code(rsp.sense), THIRD_PARTY_FAILURE)
        self.assertEqual(rsp.sense[18], CONFLICT)
        self.assertEqual(a.out(*a.xcopy(both, [segment(1, 0, 0, 0, 8)])).status, 0)

    def test_tokens(self):
        self.serve_two()
        side = Side(self, 1).ready(0, 1)
        data = os.urandom(100 * BS)
        side.write(200, data)
        token = side.populate(200, 100)
        self.assertEqual(side.use(token, 1000, 100, lun=1).status, 0)
        self.assertEqual(side.use(token, 3000, 10, lun=0, offset=90).status, 0)
        self.assertEqual(self.file_bytes("b", 1000 * BS, 100 * BS), data)
        self.assertEqual(self.file_bytes("a", 3000 * BS, 10 * BS), data[90 * BS:])
        self.assertNotEqual(token, side.populate(200, 100), "each token is another")
        side.write(299, bytes(BS))
        rsp = side.use(token, 0, 100, lun=1)
        self.assertEqual(iu.sense_code(rsp.sense), TOKEN_REVOKED)
        zero = b"\xff\xff\0\1\0\0\1\xf8".ljust(512, b"\0")
        self.assertEqual(side.use(zero, 1010, 5, lun=1).status, 0)
        self.assertEqual(self.file_bytes("b", 1010 * BS, 5 * BS), bytes(5 * BS))


class UnderWayTest(harness.Case):
    """A copy whose write the store of LUN 1 holds, and what others do to that LUN."""

    def setUp(self):
        super().setUp()
        self.serve([lun(self, "a", "16M"),
                    lun(self, "b", "16M", fault=[{"op": "write", "delay_ms": 1200,
                                                       "count": 1}])],
                   [target(group({0: "a", 1: "b"}))], workers=2)
        self.a, self.b = Side(self, 1).ready(0, 1), Side(self, 2).ready(0, 1)
        self.old, self.new = os.urandom(8 * BS), os.urandom(8 * BS)
        self.a.write(0, self.old)

    def start(self):
        side = self.a
        cdb, data = side.xcopy([side.cscd(0), side.cscd(1)], [segment(0, 0, 1, 0, 8)])
        side.send_out(cdb, data, tag=5)
        def runs():
            rsp = side.probe.command(side.channel, iu.command(
                bytes([0x84, 0, 7]) + bytes(7) + (12).to_bytes(4, "big") + bytes(2),
                fmt=iu.DIRECT, data=iu.desc(side.mem["va"] + 65536, side.mem["rkey"], 12)))
            return rsp.status == 0 and side.probe.peek(side.mem, 65536 + 4, 1) == b"\0"
        harness.wait_for(runs, "the copy to begin")

    def test_a_reset_waits_for_it(self):
        self.start()
        self.a.probe.send(self.a.channel, iu.task_mgmt(iu.TM_LUN_RESET, lun=1))
        self.assertEqual(self.a.answer().tag, 1 << 63)
        self.b.probe.clear_ua(self.b.channel, 1)
        self.b.write(0, self.new, 1)
        self.assertEqual(self.file_bytes("b", 0, 8 * BS), self.new)
        self.assertRegex(self.daemons[0].log(), r"LOGICAL UNIT RESET on LUN 1, .*done, 1 command")

    def test_an_abort_ends_it(self):
        self.start()
        self.a.probe.send(self.a.channel, iu.task_mgmt(iu.TM_ABORT_TASK, task_tag=5))
        self.assertEqual(self.a.answer().tag, 1 << 63)
        self.b.write(0, self.new, 1)
        self.assertEqual(self.file_bytes("b", 0, 8 * BS), self.new)

    def test_preempt_and_abort_waits_for_it(self):
        def pr(action, key, action_key):
            return (bytes([0x5F, action, 5, 0, 0]) + (24).to_bytes(4, "big") + b"\0",
                    struct.pack(">QQ8x", key, action_key))
        for side, key in ((self.a, 1), (self.b, 2)):
            self.assertEqual(side.out(*pr(0, 0, key), lun=1).status, 0)
        self.assertEqual(self.b.out(*pr(1, 2, 0), lun=1).status, 0)
        self.start()
        self.assertEqual(self.b.out(*pr(5, 2, 1), lun=1).status, 0)
        self.b.write(0, self.new, 1)
        self.assertEqual(self.file_bytes("b", 0, 8 * BS), self.new)
        self.assertRegex(self.daemons[0].log(), r"PREEMPT AND ABORT on LUN 1.*done, 1 command")
