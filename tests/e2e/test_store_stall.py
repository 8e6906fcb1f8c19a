# SPDX-License-Identifier: BSD-2-Clause
"""A LUN that hangs leaves the others of its worker served, on both engines."""
import time

import harness
import iu
import loop
from harness import MIB, Probe, group, target

WINDOW = 2     # seconds; only counts of equal windows of one run are compared
ATTEMPTS = 10  # pairs of windows, on a machine that others load

SYNC = bytes.fromhex("35000000000000000000")
ZERO = bytes.fromhex("93010000000000001000000008000000")  # WRITE SAME (16), NDOB
UNMAP = bytes.fromhex("42000000000000001800")
UNMAP_LIST = bytes.fromhex("0016001000000000" "0000000000000800" "00000800" "00000000")


class StallCase(harness.Case):
    """LUN 0 can hang, LUN 1 is to be served; one worker has both."""

    def start(self, engine, stuck, other):
        luns = [dict({"name": "stuck", "thin_provisioned": True}, **stuck),
                dict({"name": "other", "path": "other", "size": "8M"}, **other)]
        self.serve(luns, [target(group({0: "stuck", 1: "other"}))], engine=engine, workers=1)
        self.probes = [Probe(self), Probe(self)]
        self.channels = [p.login(initiator=bytes(15) + bytes([i + 1]))
                         for i, p in enumerate(self.probes)]
        for lun, (probe, channel) in enumerate(zip(self.probes, self.channels)):
            probe.clear_ua(channel, lun)
        self.mem = [p.mem(4096) for p in self.probes]

    def data(self, probe):
        mem = self.mem[probe]
        return iu.desc(mem["va"], mem["rkey"], 4096)

    def window(self):
        """Completions of LUN 1 in a window: reads and writes of a block in turn."""
        probe, channel = self.probes[1], self.channels[1]
        cdbs = [(iu.read10(0, 8), iu.DIRECT), (iu.write10(0, 8), iu.DIRECT << 4)]
        end = time.monotonic() + WINDOW
        n = 0
        while time.monotonic() < end:
            cdb, fmt = cdbs[n % 2]
            rsp = probe.command(channel, iu.command(cdb, lun=1, fmt=fmt, data=self.data(1)))
            self.assertEqual(rsp.status, 0)
            n += 1
        return n

    def send_stuck(self):
        """Commands of LUN 0 that shall hang; how many."""
        probe, channel = self.probes[0], self.channels[0]
        mem = self.mem[0]
        probe.poke(mem, 0, UNMAP_LIST)
        unmap = iu.desc(mem["va"], mem["rkey"], len(UNMAP_LIST))
        probe.send(channel, iu.command(SYNC, tag=11))
        probe.send(channel, iu.command(UNMAP, tag=12, fmt=iu.DIRECT << 4, data=unmap))
        probe.send(channel, iu.command(ZERO, tag=13))
        return 3

    def dirty(self):
        """Something that a flush has to write."""
        cdb = iu.write10(64, 8)
        rsp = self.probes[0].command(self.channels[0], iu.command(
            cdb, fmt=iu.DIRECT << 4, data=self.data(0)))
        self.assertEqual(rsp.status, 0)

    def early(self):
        """Answers of LUN 0 that have come."""
        return self.probes[0].recv(1, ms=0)

    def finish(self, got, n):
        got = got + (self.probes[0].recv(n - len(got)) if len(got) < n else [])
        self.assertEqual(sorted(iu.parse_rsp(data).tag for _, data in got),
                         list(range(11, 11 + n)))
        for _, data in got:
            self.assertEqual(iu.parse_rsp(data).status, 0, data.hex())

    def compare(self, hold, release):
        """At some time the other LUN has 90 % of its completions while this one hangs."""
        ratios = []
        for _ in range(ATTEMPTS):
            before = self.window()
            hold()
            n = self.send_stuck()
            held = self.window()
            got = self.early()
            release()
            self.finish(got, n)
            if not got:  # else it did not hang for the whole window
                ratios.append(held / before)
                if ratios[-1] >= 0.9:
                    return
        self.fail(f"completions of the other LUN while one hangs: {ratios}")


class FaultTest(StallCase):
    """Held by faults, without privileges."""

    def check(self, engine, **lun):
        faults = [{"op": op, "delay_ms": WINDOW * 1500} for op in ("flush", "unmap", "zero")]
        self.start(engine, dict({"path": "stuck", "size": "8M", "fault": faults}, **lun), {})
        self.compare(lambda: None, lambda: None)

    def test_io_uring(self):
        self.check("io_uring")

    def test_libaio(self):
        self.check("libaio")


class FrozenTest(StallCase):
    """Calls that truly hang: a flush, a discard and a zeroing of a loop device over a frozen file."""

    def check(self, engine):
        frozen = loop.Frozen(self, 32 * MIB)
        dev = loop.attach(self, frozen.file("image", 8 * MIB, bytes(8 * MIB)))
        self.start(engine, {"path": dev}, {})

        def hold():
            self.dirty()
            frozen.__enter__()
        self.compare(hold, frozen.thaw)

    def test_io_uring(self):
        self.check("io_uring")

    def test_libaio(self):
        self.check("libaio")


class FrozenFileTest(StallCase):
    """The same with a file: fallocate and a write hang."""

    def check(self, engine, **lun):
        frozen = loop.Frozen(self, 32 * MIB)
        path = frozen.file("image", 8 * MIB, bytes(8 * MIB))
        self.start(engine, dict({"path": path}, **lun), lun)
        self.compare(frozen.__enter__, frozen.thaw)

    def send_stuck(self):
        """Here a flush has nothing to do, and a write hangs."""
        probe, channel = self.probes[0], self.channels[0]
        mem = self.mem[0]
        probe.poke(mem, 0, UNMAP_LIST)
        unmap = iu.desc(mem["va"], mem["rkey"], len(UNMAP_LIST))
        probe.send(channel, iu.command(iu.write10(64, 8), tag=11, fmt=iu.DIRECT << 4,
                                       data=self.data(0)))
        probe.send(channel, iu.command(UNMAP, tag=12, fmt=iu.DIRECT << 4, data=unmap))
        probe.send(channel, iu.command(ZERO, tag=13))
        return 3

    def test_io_uring(self):
        self.check("io_uring")

    def test_io_uring_direct(self):
        self.check("io_uring", o_direct=True)

    def test_libaio(self):
        self.check("libaio")

    def test_libaio_direct(self):
        self.check("libaio", o_direct=True)
