# SPDX-License-Identifier: BSD-2-Clause
"""No write where it does not belong: write A hangs in the store, its initiator gives it up in one of
the ways there are, write B to the same blocks is acknowledged; whenever A returns, B is on the disk.

SRPTD_LONG=1: A hangs for 20 s instead of 7, the least that is longer than a task management function
may take.
"""
import os

import harness
import iu
from harness import MIB, Probe

HOLD_MS = 20000 if os.environ.get("SRPTD_LONG") else 7000
LENGTH, LBA = 4096, 2048
A, B = b"\xaa" * LENGTH, b"\xbb" * LENGTH
OTHER = bytes(15) + b"\x77"


class StuckWriteTest(harness.Case):
    """A is with the device: nobody gets it back."""

    hold = {}

    def setUp(self):
        super().setUp()
        hold = {"op": "write", "from": "1M", "to": "2M", "delay_ms": HOLD_MS, "count": 1,
                **self.hold}
        self.daemon = self.serve_one(size="8M", workers=2, lun={"fault": [hold]})
        self.probe = Probe(self)
        self.channel = self.login(self.probe)
        self.probe.clear_ua(self.channel)
        self.stick(self.probe, self.channel)

    def login(self, probe, **fields):
        return probe.login(flags=iu.IMMED | fields.pop("flags", iu.SINGLE), imm_offset=68, **fields)

    def stick(self, probe, channel):
        """Write A; the answer to what follows says that A is with the store."""
        probe.send(channel, self.write(A, tag=0xA))
        self.assertEqual(probe.command(channel, iu.command(iu.TUR, tag=0x55)).status, 0)
        self.assertEqual(self.on_disk(), bytes(LENGTH))

    @staticmethod
    def write(data, tag, lba=LBA):
        """With immediate data: with the store before the channel's next IU is looked at."""
        # imm_offset 68: 48 of the command, the length word, and 16 bytes that stay free
        return iu.command(iu.write10(lba, LENGTH // 512), tag=tag, fmt=iu.IMMEDIATE << 4,
                          data=LENGTH.to_bytes(4, "big") + bytes(16) + data)

    def on_disk(self):
        return self.file_bytes("disk", MIB, LENGTH)

    def write_b(self, probe, channel):
        """Elsewhere nothing waits; B waits for A, and is acknowledged. After A's end B is there."""
        elsewhere = probe.command(channel, self.write(A, 0xC, lba=8192))
        self.assertEqual(elsewhere.status, 0)
        rsp = probe.command(channel, self.write(B, tag=0xB))
        self.assertEqual(rsp.status, 0)
        self.assertEqual(self.on_disk(), B)

    def check_b_stays(self):
        """The channel that gave up, or lost, A ends when A has returned."""
        self.daemon.wait_log("channel ended")
        self.assertEqual(self.on_disk(), B)

    def test_nexus_loss(self):
        self.probe.kill()
        late = Probe(self)
        channel = self.login(late, initiator=OTHER)
        late.clear_ua(channel)
        self.daemon.wait_log(": disconnected")
        self.write_b(late, channel)
        self.check_b_stays()

    def test_single_relogin(self):
        late = Probe(self)
        channel = self.login(late)
        late.clear_ua(channel)
        self.write_b(late, channel)
        self.check_b_stays()

    def test_i_logout(self):
        self.probe.send(self.channel, iu.i_logout())
        self.probe.wait_end(self.channel)
        late = Probe(self)
        channel = self.login(late)
        late.clear_ua(channel)
        self.write_b(late, channel)
        self.check_b_stays()

    def give_up(self, channel, function, **fields):
        """Task management that cannot be done in time ends its channel: no answer, but a fence."""
        self.probe.send(channel, iu.task_mgmt(function, tag=0xFF, **fields))
        self.probe.wait_end(channel)
        tags = [iu.parse_rsp(x).tag for _, x in self.probe.recv(0, 0) if x[0] == iu.SRP_RSP]
        self.assertNotIn(0xFF, tags, "answered while a write of an aborted command was out")
        self.assertNotIn(0xA, tags)
        self.daemon.wait_log(r"127\.0\.0\.1 → tgt \(QP \d+\): .* on LUN 0: command with tag 0xa "
                             r"aborted while")

    def test_abort_task(self):
        self.give_up(self.channel, iu.TM_ABORT_TASK, task_tag=0xA)
        late = Probe(self)
        channel = self.login(late)
        late.clear_ua(channel)
        self.write_b(late, channel)
        self.check_b_stays()

    def test_lun_reset_by_another_nexus(self):
        other = self.login(self.probe, initiator=OTHER)
        self.probe.clear_ua(other)
        self.give_up(other, iu.TM_LUN_RESET)
        self.assertEqual(self.probe.command(self.channel, iu.command(iu.TUR)).status, 2)
        self.write_b(self.probe, self.channel)
        self.a_returned()

    def test_clear_task_set_by_another_channel(self):
        other = self.login(self.probe, flags=iu.MULTI)
        self.give_up(other, iu.TM_CLEAR_SET)
        self.write_b(self.probe, self.channel)
        self.a_returned()

    a_returned = check_b_stays

    def test_abort_of_the_write_that_waits(self):
        """B is aborted at the fence: at once, and never lands."""
        late = Probe(self)
        channel = self.login(late)
        late.clear_ua(channel)
        late.send(channel, self.write(B, tag=0xB))
        self.assertEqual(late.command(channel, iu.command(iu.TUR, tag=0x56)).status, 0)
        rsp = late.command(channel, iu.task_mgmt(iu.TM_ABORT_TASK, task_tag=0xB))
        self.assertEqual(rsp.code, 0)
        self.assertEqual(self.on_disk(), bytes(LENGTH))
        self.daemon.wait_log("tag 0xb aborted while waiting for an older write to return")
        self.daemon.wait_log("channel ended")
        self.assertEqual(self.on_disk(), A)
        self.assertEqual(late.recv(1, 200), [])


class PassingHoldTest(StuckWriteTest):
    """A returns before task management has to give up: then it is answered, after A."""

    def setUp(self):
        global HOLD_MS
        hold, HOLD_MS = HOLD_MS, 1500
        try:
            super().setUp()
        finally:
            HOLD_MS = hold

    def give_up(self, channel, function, **fields):
        rsp = self.probe.command(channel, iu.task_mgmt(function, tag=0xFF, **fields))
        self.assertEqual(rsp.code, 0)
        self.assertEqual(self.on_disk(), A)

    def a_returned(self):
        """Before the answer to task management."""
        self.assertEqual(self.on_disk(), B)

    def test_abort_task(self):
        self.give_up(self.channel, iu.TM_ABORT_TASK, task_tag=0xA)
        self.write_b(self.probe, self.channel)
        self.assertEqual(self.on_disk(), B)
        self.assertEqual([x for _, x in self.probe.recv(1, 200) if iu.parse_rsp(x).tag == 0xA], [])


class RecalledWriteTest(StuckWriteTest):
    """A has not reached the device: whoever gives it up gets it back, and need not wait."""

    hold = {"cancel": True, "delay_ms": 3600 * 1000}

    def give_up(self, channel, function, **fields):
        rsp = self.probe.command(channel, iu.task_mgmt(function, tag=0xFF, **fields))
        self.assertEqual(rsp.code, 0)
        self.assertEqual(self.on_disk(), bytes(LENGTH))

    def a_returned(self):
        self.assertEqual(self.on_disk(), B)

    def test_abort_task(self):
        self.give_up(self.channel, iu.TM_ABORT_TASK, task_tag=0xA)
        self.write_b(self.probe, self.channel)
        self.assertEqual([x for _, x in self.probe.recv(1, 200) if iu.parse_rsp(x).tag == 0xA], [])

    test_abort_of_the_write_that_waits = None  # B would not have to wait
