# SPDX-License-Identifier: BSD-2-Clause
"""COMPARE AND WRITE among writers on other workers: each order of commands is one that could be."""
import os

import harness
import iu
from harness import Probe

BS = 512
MISCOMPARE = (0x0E, 0x1D, 0)
ROUNDS = 60


def compare_and_write(lba, blocks):
    return (bytes([0x89, 0]) + lba.to_bytes(8, "big") + bytes(3) + bytes([blocks]) + bytes(2))


class Base(harness.Case):
    fault = ()

    def setUp(self):
        super().setUp()
        self.serve_one(size="4M", workers=2, lun={"fault": list(self.fault)} if self.fault else {})
        self.sides = []
        for i in (1, 2):
            probe = Probe(self)
            channel = probe.login(initiator=bytes([i] * 16))
            probe.clear_ua(channel)
            self.sides.append((probe, channel, probe.mem(131072)))

    def start(self, side, cdb, data):
        probe, channel, mem = self.sides[side]
        probe.poke(mem, 0, data)
        probe.send(channel, iu.command(cdb, fmt=iu.DIRECT << 4,
                                       data=iu.desc(mem["va"], mem["rkey"], len(data))))

    def end(self, side):
        return iu.parse_rsp(self.sides[side][0].recv()[0][1])

    def both(self, first, second):
        self.start(0, *first)
        self.start(1, *second)
        return self.end(0), self.end(1)

    def block(self, blocks=1):
        return self.file_bytes("disk", 0, blocks * BS)


class LockTest(Base):
    def test_of_two_that_expect_the_same_one_wins(self):
        for blocks in (1, 64, 65):
            old = self.block(blocks)
            for _ in range(ROUNDS):
                new = [os.urandom(blocks * BS) for _ in range(2)]
                cdb = compare_and_write(0, blocks)
                rsp = self.both((cdb, old + new[0]), (cdb, old + new[1]))
                winners = [i for i in range(2) if rsp[i].status == 0]
                self.assertEqual(len(winners), 1, [str(r) for r in rsp])
                self.assertEqual(iu.sense_code(rsp[1 - winners[0]].sense), MISCOMPARE)
                old = self.block(blocks)
                self.assertEqual(old, new[winners[0]])

    def test_a_plain_write_is_never_lost(self):
        old = self.block(32)
        for i in range(ROUNDS):
            new, plain = os.urandom(32 * BS), os.urandom(32 * BS)
            caw = (compare_and_write(0, 32), old + new)
            write = (iu.write10(0, 32), plain)
            if i % 2:
                rsp = self.both(caw, write)
            else:
                rsp = self.both(write, caw)[::-1]
            self.assertEqual(rsp[1].status, 0)
            if rsp[0].status:
                self.assertEqual(iu.sense_code(rsp[0].sense), MISCOMPARE)
            old = self.block(32)
            self.assertEqual(old, plain)

    def test_bits_of_two_orwrites_are_all_set(self):
        cdb = bytes([0x8B, 0]) + bytes(8) + (8).to_bytes(4, "big") + bytes(2)
        for i in range(ROUNDS // 2):
            self.assertEqual([r.status for r in self.both(
                (iu.write10(100, 1), bytes(BS)), (iu.write10(0, 8), bytes(8 * BS)))], [0, 0])
            rsp = self.both((cdb, b"\x55" * (8 * BS)), (cdb, b"\xaa" * (8 * BS)))
            self.assertEqual([r.status for r in rsp], [0, 0])
            self.assertEqual(self.block(8), b"\xff" * (8 * BS))

    def test_the_largest(self):
        old = self.block(255)
        new = os.urandom(255 * BS)
        probe, channel, _ = self.sides[0]
        mem = probe.mem(2 * 255 * BS)
        probe.poke(mem, 0, old + new)
        rsp = probe.command(channel, iu.command(
            compare_and_write(0, 255), fmt=iu.DIRECT << 4,
            data=iu.desc(mem["va"], mem["rkey"], 2 * 255 * BS)))
        self.assertEqual((rsp.status, rsp.flags), (0, 0))
        self.assertEqual(self.block(255), new)

    def test_a_reset_ends_what_waits_for_a_lock(self):
        """Commands to the same blocks wait for each other; aborted ones leave the way free."""
        probe, channel, mem = self.sides[0]
        data = iu.desc(mem["va"], mem["rkey"], 64 * BS * 2)
        for i in range(16):
            probe.send(channel, iu.command(compare_and_write(0, 64), tag=100 + i,
                                           fmt=iu.DIRECT << 4, data=data))
        probe.send(channel, iu.task_mgmt(iu.TM_LUN_RESET))
        tags = set()
        while 1 << 63 not in tags:
            tags |= {iu.parse_rsp(x).tag for _, x in probe.recv(1)}
        self.sides[1][0].clear_ua(self.sides[1][1])
        new = os.urandom(64 * BS)
        self.start(1, compare_and_write(0, 64), self.block(64) + new)
        self.assertEqual(self.end(1).status, 0)
        self.assertEqual(self.block(64), new)


class HeldWriteTest(Base):
    """A write that the store holds had begun before: the lock waits for it."""

    fault = ({"op": "write", "delay_ms": 700, "to": "4096", "count": 1},)

    def test_an_older_write_returns_first(self):
        plain = os.urandom(BS)
        self.start(0, iu.write10(0, 1), plain)
        probe, channel, mem = self.sides[0]
        probe.send(channel, iu.command(iu.INQUIRY, tag=9, fmt=iu.DIRECT,
                                       data=iu.desc(mem["va"] + 4096, mem["rkey"], 36)))
        self.assertEqual(self.end(0).tag, 9, "the write came before and is with the store")
        self.start(1, compare_and_write(0, 1), bytes(BS) + os.urandom(BS))
        rsp = self.end(1)
        self.assertEqual(iu.sense_code(rsp.sense), MISCOMPARE, rsp)
        self.assertEqual(self.block(), plain)

