# SPDX-License-Identifier: BSD-2-Clause
"""Persistent reservations between two initiators, over a restart, and fencing by PREEMPT AND ABORT."""
import os
import struct

import harness
import iu
from harness import Probe

BS = 512
REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT = range(6)
READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES = range(3)
WE, EA, WE_RO = 1, 3, 5
CONFLICT = 0x18
APTPL = 1
REGISTRATIONS_PREEMPTED = (6, 0x2A, 5)


class Side:
    """One initiator port with a channel."""

    def __init__(self, case, number):
        self.case = case
        self.key = 0x1111 * number
        self.probe = Probe(case)
        self.channel = self.probe.login(initiator=bytes([number] * 16))
        self.probe.clear_ua(self.channel)
        self.mem = self.probe.mem(65536)

    def send_out(self, cdb, data):
        self.probe.poke(self.mem, 0, data)
        self.probe.send(self.channel, iu.command(cdb, fmt=iu.DIRECT << 4, data=self.desc(len(data))))

    def desc(self, length):
        return iu.desc(self.mem["va"], self.mem["rkey"], length)

    def answer(self):
        return iu.parse_rsp(self.probe.recv()[0][1])

    def out(self, cdb, data):
        self.send_out(cdb, data)
        return self.answer()

    def read(self, cdb, length):
        rsp = self.probe.command(self.channel, iu.command(cdb, fmt=iu.DIRECT,
                                                          data=self.desc(length)))
        self.case.assertEqual(rsp.status, 0, rsp)
        return self.probe.peek(self.mem, 0, length - rsp.in_resid)

    def pr_out_iu(self, action, pr_type, key, action_key, flags):
        cdb = bytes([0x5F, action, pr_type, 0, 0]) + (24).to_bytes(4, "big") + b"\0"
        return cdb, struct.pack(">QQ4xB3x", key, action_key, flags)

    def pr_out(self, action, pr_type=0, key=None, action_key=0, flags=0):
        return self.out(*self.pr_out_iu(action, pr_type, self.key if key is None else key,
                                        action_key, flags)).status

    def register(self, flags=0):
        self.case.assertEqual(self.pr_out(REGISTER, 0, 0, self.key, flags), 0)

    def keys(self):
        data = self.read(bytes([0x5E, READ_KEYS]) + bytes(5) + b"\x10\0\0", 4096)
        return struct.unpack(f">{(len(data) - 8) // 8}Q", data[8:])

    def reservation(self):
        data = self.read(bytes([0x5E, READ_RESERVATION]) + bytes(5) + b"\x10\0\0", 4096)
        return (data[21], int.from_bytes(data[8:16], "big")) if len(data) > 8 else None

    def write(self, data, lba=0):
        return self.out(iu.write10(lba, len(data) // BS), data)


class ReservationTest(harness.Case):
    def start(self, **lun):
        os.makedirs(self.path("state"), exist_ok=True)
        return self.serve_one(size="8M", workers=2, state_dir=self.path("state"), lun=lun)

    def sides(self):
        return Side(self, 1), Side(self, 2)

    def test_a_cluster_fences_a_member(self):
        self.start()
        a, b = self.sides()
        a.register()
        b.register()
        self.assertEqual(a.pr_out(RESERVE, WE_RO), 0)
        self.assertEqual(a.write(b"\x01" * BS).status, 0)
        self.assertEqual(b.write(b"\x02" * BS).status, 0, "a registrant")
        self.assertEqual(b.pr_out(PREEMPT, WE_RO, action_key=a.key), 0)
        self.assertEqual(b.keys(), (b.key,))
        self.assertEqual(b.reservation(), (WE_RO, b.key))
        self.assertEqual(a.write(b"\x03" * BS).status, CONFLICT)
        self.assertEqual(self.file_bytes("disk", 0, BS), b"\x02" * BS)
        rsp = a.probe.command(a.channel, iu.command(iu.TUR))
        self.assertEqual(iu.sense_code(rsp.sense), REGISTRATIONS_PREEMPTED)
        a.register()
        self.assertEqual(a.write(b"\x04" * BS).status, 0)

    def test_a_third_initiator_without_registration(self):
        self.start()
        a, b = self.sides()
        a.register()
        self.assertEqual(a.pr_out(RESERVE, EA), 0)
        rsp = b.probe.command(b.channel, iu.command(iu.read10(0, 1), fmt=iu.DIRECT,
                                                    data=b.desc(BS)))
        self.assertEqual((rsp.status, rsp.sense), (CONFLICT, b""))
        self.assertEqual(b.pr_out(CLEAR, key=0), CONFLICT)
        self.assertEqual(a.pr_out(CLEAR), 0)
        self.assertEqual(b.write(bytes(BS)).status, 0)

    def test_preempt_and_abort_outlasts_a_held_write(self):
        """GOOD means that no command of the preempted initiator can write any more."""
        self.start(fault=[{"op": "write", "delay_ms": 1500, "count": 1}])
        a, b = self.sides()
        a.register()
        b.register()
        self.assertEqual(a.pr_out(RESERVE, WE_RO), 0)
        old, new = os.urandom(8 * BS), os.urandom(8 * BS)
        a.send_out(iu.write10(0, 8), old)
        a.probe.send(a.channel, iu.command(iu.INQUIRY, tag=9, fmt=iu.DIRECT, data=iu.desc(
            a.mem["va"] + 32768, a.mem["rkey"], 36)))
        self.assertEqual(a.answer().tag, 9, "the write came before and is with the store")
        self.assertEqual(b.pr_out(PREEMPT_AND_ABORT, WE_RO, action_key=a.key), 0)
        self.assertEqual(self.file_bytes("disk", 0, 8 * BS), old)
        self.assertEqual(b.write(new).status, 0)
        self.assertEqual(self.file_bytes("disk", 0, 8 * BS), new)
        self.assertRegex(self.daemons[0].log(), r"PREEMPT AND ABORT on LUN 0, tag .*: done, 1 command")
        self.assertEqual(a.write(old).status, CONFLICT)

    def test_reservations_outlive_kill(self):
        daemon = self.start()
        a, b = self.sides()
        a.register(APTPL)
        b.register(APTPL)
        self.assertEqual(a.pr_out(RESERVE, WE), 0)
        for side in (a, b):
            side.probe.kill()
        daemon.kill()
        self.start()
        a, b = self.sides()
        self.assertEqual(sorted(b.keys()), [a.key, b.key])
        self.assertEqual(b.reservation(), (WE, a.key))
        self.assertEqual(b.write(bytes(BS)).status, CONFLICT)
        self.assertEqual(a.write(bytes(BS)).status, 0)

    def test_without_aptpl_a_restart_ends_them(self):
        daemon = self.start()
        a = Side(self, 1)
        a.register()
        self.assertEqual(a.pr_out(RESERVE, WE), 0)
        a.probe.kill()
        daemon.kill()
        self.start()
        self.assertEqual(Side(self, 2).keys(), ())

    def test_a_damaged_file_stops_the_start_and_is_named(self):
        daemon = self.start()
        a = Side(self, 1)
        a.register(APTPL)
        a.probe.kill()
        daemon.kill()
        path = os.path.join(self.path("state"), "pr-disk")
        with open(path, "r+b") as f:
            f.seek(20)
            f.write(b"\xff")
        daemon = self.serve_one(size="8M", workers=2, state_dir=self.path("state"),
                                daemon={"wait": False})
        self.assertEqual(daemon.process.wait(harness.LIMIT), 1)
        self.assertIn(f"{path}: these persistent reservations are damaged", daemon.log())
        daemon.allowed_errors.append("damaged")

    def test_reset_and_loss_end_a_simple_reservation(self):
        self.start()
        a, b = self.sides()
        reserve = iu.command(bytes([0x16, 0, 0, 0, 0, 0]))
        self.assertEqual(a.probe.command(a.channel, reserve).status, 0)
        self.assertEqual(b.probe.command(b.channel, iu.command(iu.TUR)).status, CONFLICT)
        rsp = b.probe.command(b.channel, iu.task_mgmt(iu.TM_LUN_RESET))
        b.probe.clear_ua(b.channel)
        a.probe.clear_ua(a.channel)
        self.assertEqual(a.probe.command(a.channel, reserve).status, 0)
        a.probe.kill()
        harness.wait_for(lambda: b.probe.command(b.channel, iu.command(iu.TUR)).status == 0,
                         "the end of the reservation")
        self.assertEqual(rsp.status, 0)
