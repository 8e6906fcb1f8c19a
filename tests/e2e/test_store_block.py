# SPDX-License-Identifier: BSD-2-Clause
"""LUNs on block devices (loop devices; skipped without root): data, claims, changes of size."""
import os
import subprocess

import harness
import iu
import loop
from harness import MIB, Daemon, Probe, group, target

ENGINES = ("io_uring", "libaio")


class BlockCase(harness.Case):
    def lun(self, dev, name="disk", **more):
        return dict({"name": name, "path": dev}, **more)

    def serve_dev(self, *luns, **top):
        maps = {i: lun["name"] for i, lun in enumerate(luns)}
        return self.serve(list(luns), [target(group(maps))], **top)


class DataTest(BlockCase):
    def check(self, engine, **more):
        image = self.make_file("image", 8 * MIB)
        dev = loop.attach(self, image)
        daemon = self.serve_dev(self.lun(dev, **more), engine=engine)
        self.srpio("verify", "--count", 8192, "--bs", "200k", "--depth", 8)
        self.assert_good(self.raw("35000000000000000000"))
        self.assert_good(self.raw("93010000000000000000000008000000"))  # WRITE SAME, NDOB
        out = self.raw(iu.read10(0, 8), "--in-len", 4096)
        self.assertEqual(out["data"], "00" * 4096)
        if more.get("thin_provisioned"):
            before = os.stat(image).st_blocks
            with open(self.path("list"), "wb") as f:
                f.write(bytes.fromhex("0016001000000000" "0000000000000800" "00001000" "00000000"))
            self.assert_good(self.raw("42000000000000001800", "--out-file", self.path("list")))
            self.assertLess(os.stat(image).st_blocks, before)
        daemon.stop()

    def test_buffered_and_direct_on_both_engines(self):
        for engine in ENGINES:
            for direct in (False, True):
                with self.subTest(engine=engine, direct=direct):
                    self.check(engine, o_direct=direct, thin_provisioned=True)

    def test_written_through(self):
        self.check("io_uring", write_through=True)

    def test_blocks_of_the_device_are_respected(self):
        dev = loop.attach(self, self.make_file("image", 8 * MIB), "--sector-size", "4096")
        daemon = self.serve_dev(self.lun(dev), daemon={"wait": False})
        daemon.allowed_errors = ["has blocks of 4096 bytes"]
        self.assertEqual(daemon.process.wait(harness.LIMIT), 1)
        self.serve_dev(self.lun(dev, block_size=4096))
        self.srpio("verify", "--count", 1024)


class ClaimTest(BlockCase):
    def refuse(self, words, *luns):
        daemon = self.serve_dev(*luns, daemon={"wait": False})
        daemon.allowed_errors = [words]
        self.assertEqual(daemon.process.wait(harness.LIMIT), 1, daemon.log())
        self.assertRegex(daemon.log(), words)

    def test_second_daemon(self):
        dev = loop.attach(self, self.make_file("image", 8 * MIB))
        first = self.serve_dev(self.lun(dev))
        self.refuse(rf"{dev}: already in use by srptd \(pid {first.pid}\)", self.lun(dev))

    def test_mounted(self):
        frozen = loop.Frozen(self, 8 * MIB)
        dev = loop.run("findmnt", "-no", "SOURCE", frozen.dir)
        self.refuse(f"{dev}: already in use: mounted on {frozen.dir}", self.lun(dev))
        self.refuse(f"{dev}: already in use: mounted on {frozen.dir}",
                    self.lun(dev, read_only=True))

    def test_two_nodes_of_one_device(self):
        dev = loop.attach(self, self.make_file("image", 8 * MIB))
        os.mknod(self.path("node"), 0o60600, os.stat(dev).st_rdev)
        self.refuse("node: already in use by another LUN of this process", self.lun(dev),
                    self.lun("node", name="other"))

    def test_two_names_of_one_file(self):
        path = self.make_file("image", 8 * MIB)
        os.link(path, self.path("hard"))
        os.symlink(path, self.path("soft"))
        for name in ("hard", "soft", "./image"):
            with self.subTest(name):
                self.refuse("already in use by another LUN of this process",
                            self.lun("image"), self.lun(name, name="other"))


class ResizeTest(BlockCase):
    def clear(self):
        self.probe = Probe(self)
        self.channel = self.probe.login()
        self.probe.clear_ua(self.channel)

    def capacity(self):
        page = self.probe.mem(8)
        rsp = self.probe.command(self.channel, iu.command(
            bytes.fromhex("25000000000000000000"), fmt=iu.DIRECT,
            data=iu.desc(page["va"], page["rkey"], 8)))
        self.assertEqual(rsp.status, 0)
        return int.from_bytes(self.probe.peek(page, 0, 4), "big") + 1

    def wait_changed(self):
        """Until the initiator is told: 2A/09."""
        def told():
            rsp = self.probe.command(self.channel, iu.command(iu.TUR))
            if rsp.status:
                self.assert_sense(rsp, 6, 0x2A, 9)
            return rsp.status
        harness.wait_for(told, "CAPACITY DATA HAS CHANGED")
        self.assertEqual(self.probe.command(self.channel, iu.command(iu.TUR)).status, 0)

    def check(self, path, resize):
        self.serve_dev(self.lun(path))
        self.clear()
        self.assertEqual(self.capacity(), 16384)
        resize(16 * MIB)
        self.wait_changed()
        self.assertEqual(self.capacity(), 32768)
        self.srpio("verify", "--lba", 16384, "--count", 16384)
        resize(4 * MIB)
        self.wait_changed()
        self.assertEqual(self.capacity(), 8192)
        self.assert_sense(self.raw(iu.read10(8192, 8), "--in-len", 4096), 5, 0x21, 0)
        self.srpio("verify", "--count", 8192)

    def test_file(self):
        path = self.make_file("image", 8 * MIB)
        self.check("image", lambda size: os.truncate(path, size))

    def test_file_whose_size_is_no_multiple(self):
        path = self.make_file("image", 8 * MIB + 300)
        self.check("image", lambda size: os.truncate(path, size + 511))

    def test_block_device(self):
        path = self.make_file("image", 8 * MIB)
        dev = loop.attach(self, path)

        def resize(size):
            os.truncate(path, size)
            loop.run("losetup", "--set-capacity", dev)
        self.check(dev, resize)


class LastIoTest(BlockCase):
    """SIGKILL with a write on its way that outlives the process, and a successor at once."""

    def kill_in_flight(self, dev, direct):
        """The first daemon dies with a write in the kernel."""
        first = self.serve_dev(self.lun(dev, o_direct=direct))
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(MIB)
        probe.poke(mem, 0, b"\xaa" * MIB)
        probe.send(channel, iu.command(iu.write10(0, 2048, 0x08), fmt=iu.DIRECT << 4,
                                       data=iu.desc(mem["va"], mem["rkey"], MIB)))
        harness.wait_for(lambda: self.in_flight(dev), "the write is with the device")
        os.kill(first.pid, 9)
        return first

    def in_flight(self, dev):
        with open(f"/sys/block/{os.path.basename(dev)}/inflight", encoding="ascii") as f:
            return sum(int(n) for n in f.read().split())

    def check(self, direct):
        frozen = loop.Frozen(self, 32 * MIB)
        dev = loop.attach(self, frozen.file("image", 8 * MIB))
        with frozen:
            first = self.kill_in_flight(dev, direct)
            second = self.serve_dev(self.lun(dev, o_direct=direct), daemon={"wait": False})
            second.wait_log(f"{dev}: waiting for the last I/O of its previous user")
            self.assertNotIn(": ready", second.log())
        second.wait_ready()
        second.wait_log(f"{dev}: the last I/O of its previous user has ended")
        first.process.wait(harness.LIMIT)
        # nothing was lost, and what is written now is not written over
        out = self.raw(iu.read10(0, 64), "--in-len", 32768)
        self.assertEqual(out["data"], "aa" * 32768)
        self.srpio("verify", "--count", 4096)
        second.stop()
        with open(dev, "rb") as f:
            self.assertNotIn(b"\xaa" * 512, f.read(2 * MIB))

    def test_direct(self):
        self.check(True)

    def test_buffered(self):
        self.check(False)
