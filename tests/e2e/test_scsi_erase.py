# SPDX-License-Identifier: BSD-2-Clause
"""FORMAT UNIT and SANITIZE: what they do to the file, to other initiators, over a restart, with faults."""
import os

import harness
import iu
from harness import MIB
from test_scsi_pr import Side

BS = 512
SIZE = 8 * MIB
IMMED, AUSE, OVERWRITE, BLOCK_ERASE, EXIT = 0x80, 0x20, 0x01, 0x02, 0x1F
SANITIZING, FAILED, READY = (2, 0x04, 0x1B), (3, 0x31, 0x03), None
PATTERN = bytes([1, 0, 0, 2, 0x5A, 0x11])


def sanitize(how, length=0):
    return bytes([0x48, how, 0, 0, 0, 0, 0, 0, length, 0])


class EraseCase(harness.Case):
    def begin(self, *faults):
        os.makedirs(self.path("state"), exist_ok=True)
        if not os.path.exists(self.path("disk")):
            with open(self.path("disk"), "wb") as f:
                f.write(b"\xEE" * SIZE)
        lun = {"fault": list(faults)} if faults else {}
        return self.serve_one(size="8M", workers=2, state_dir=self.path("state"), lun=lun)

    def state(self, side):
        rsp = side.probe.command(side.channel, iu.command(iu.TUR))
        return iu.sense_code(rsp.sense) if rsp.status else READY

    def progress(self, side):
        """Of FFFFh, 0 unless it is told."""
        sense = side.probe.command(side.channel, iu.command(iu.TUR)).sense
        return int.from_bytes(sense[16:18], "big") if len(sense) >= 18 and sense[15] & 0x80 else 0

    def wait_state(self, side, *ends):
        harness.wait_for(lambda: self.state(side) in ends, f"one of {ends}")
        return self.state(side)

    def none(self, side, cdb):
        return side.probe.command(side.channel, iu.command(cdb))

    def check_file(self, pattern):
        self.assertEqual(self.file_bytes("disk", 0, SIZE), pattern * (SIZE // len(pattern)))


class EraseTest(EraseCase):
    def test_format_waits_until_it_is_done(self):
        self.begin()
        side = Side(self, 1)
        self.assertEqual(self.none(side, bytes([4, 0, 0, 0, 0, 0])).status, 0)
        self.check_file(b"\0")

    def test_overwrite_waits_until_it_is_done(self):
        self.begin()
        side = Side(self, 1)
        self.assertEqual(side.out(sanitize(OVERWRITE, len(PATTERN)), PATTERN).status, 0)
        self.check_file(PATTERN[4:])

    def test_all_are_refused_meanwhile(self):
        self.begin({"op": "write", "delay_ms": 700, "count": 1})
        a, b = Side(self, 1), Side(self, 2)
        self.assertEqual(a.out(sanitize(IMMED | OVERWRITE, len(PATTERN)), PATTERN).status, 0)
        self.assertEqual(self.state(b), SANITIZING)
        self.assertEqual(iu.sense_code(b.write(bytes(BS)).sense), SANITIZING)
        sense = self.none(a, iu.TUR).sense
        self.assertEqual(sense[15], 0x80)
        self.wait_state(b, READY)
        self.check_file(PATTERN[4:])
        self.assertEqual(b.write(bytes(BS)).status, 0)

    def test_older_writes_come_before_it(self):
        """A write that is with the store when SANITIZE comes has ended before the first block is erased."""
        self.begin({"op": "write", "delay_ms": 500, "count": 1})
        a, b = Side(self, 1), Side(self, 2)
        b.send_out(iu.write10(0, 8), b"\xDD" * 8 * BS)
        self.assertEqual(self.none(a, sanitize(BLOCK_ERASE)).status, 0)
        self.check_file(b"\0")
        self.assertEqual(self.state(b), (6, 0x2F, 2))
        self.assertEqual(self.state(b), READY)
        self.check_file(b"\0")

    def test_failure_and_the_way_out(self):
        self.begin({"op": "zero", "error": "EIO", "count": 1})
        side = Side(self, 1)
        rsp = self.none(side, sanitize(AUSE | BLOCK_ERASE))
        self.assertEqual(iu.sense_code(rsp.sense), FAILED)
        self.assertEqual(iu.sense_code(side.write(bytes(BS)).sense), FAILED)
        self.assertEqual(self.none(side, sanitize(EXIT)).status, 0)
        self.assertEqual(self.state(side), READY)

    def test_goes_on_after_kill(self):
        daemon = self.begin({"op": "write", "kill": True, "after": 3})
        side = Side(self, 1)
        self.assertEqual(side.out(sanitize(IMMED | OVERWRITE, len(PATTERN)), PATTERN).status, 0)
        harness.wait_for(lambda: not daemon.alive(), "the daemon's end")
        side.probe.kill()
        self.begin()
        side = Side(self, 2)
        self.wait_state(side, READY)
        self.check_file(PATTERN[4:])
        self.assertEqual(os.listdir(self.path("state")), [])

    def test_stop_in_the_middle(self):
        daemon = self.begin({"op": "write", "delay_ms": 300})
        side = Side(self, 1)
        self.assertEqual(side.out(sanitize(IMMED | OVERWRITE, len(PATTERN)), PATTERN).status, 0)
        side.probe.close()
        daemon.stop()
        self.assertIn("begins anew with the next start", daemon.log())
        self.begin()
        side = Side(self, 2)
        self.wait_state(side, READY)
        self.check_file(PATTERN[4:])

    def test_abort_of_the_command_leaves_the_work(self):
        self.begin({"op": "write", "delay_ms": 400, "count": 3})
        a, b = Side(self, 1), Side(self, 2)
        a.send_out(sanitize(OVERWRITE, len(PATTERN)), PATTERN)
        harness.wait_for(lambda: self.progress(b) > 0, "the first blocks")  # till then it can be called off
        self.assertEqual(b.probe.command(b.channel, iu.task_mgmt(iu.TM_LUN_RESET)).code, 0)
        self.wait_state(b, READY)
        self.check_file(PATTERN[4:])
