# SPDX-License-Identifier: BSD-2-Clause
"""Engines: libaio by configuration and by itself, and that it does all that io_uring does."""
import os
import sys

import harness
import iu
from harness import group, target

WITHOUT_URING = (sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                              "without_uring.py"))


class ChoiceTest(harness.Case):
    FALLBACK = r"io_uring is forbidden here.*: using libaio"

    def test_auto_falls_back_and_says_so_once(self):
        daemon = self.serve_one(workers=3, daemon={"prefix": WITHOUT_URING})
        self.srpio("verify", "--count", 4096)
        daemon.wait_log(self.FALLBACK)
        self.assertEqual(daemon.log().count("using libaio"), 1)

    def test_auto_is_io_uring_where_it_works(self):
        daemon = self.serve_one()
        if "using libaio" in daemon.log():
            self.skipTest("io_uring is refused here")
        self.assertRegex(daemon.log(), "io_uring: ")

    def test_io_uring_that_was_asked_for_does_not_fall_back(self):
        daemon = self.serve_one(engine="io_uring", daemon={"prefix": WITHOUT_URING, "wait": False})
        daemon.allowed_errors = ["io_uring is forbidden here", "cannot start"]
        self.assertEqual(daemon.process.wait(harness.LIMIT), 1)
        self.assertRegex(daemon.log(), "io_uring is forbidden here")

    def test_libaio_that_was_asked_for(self):
        daemon = self.serve_one(engine="libaio")
        self.srpio("verify", "--count", 4096)
        self.assertNotIn("io_uring", daemon.log())


class LibaioTest(harness.Case):
    """Whole paths through the daemon; each operation is in the unit tests of the store."""

    def serve_luns(self, **lun):
        luns = [dict({"name": "buffered", "path": "a", "size": "16M"}, **lun),
                dict({"name": "direct", "path": "b", "size": "16M", "o_direct": True}, **lun)]
        daemon = self.serve(luns, [target(group({0: "buffered", 1: "direct"}))],
                            {"wait": False}, engine="libaio", workers=2)
        daemon.allowed_errors = ["direct I/O"]
        harness.wait_for(lambda: ": ready" in daemon.log() or not daemon.alive(), "a start")
        if "O_DIRECT" in daemon.log() or "direct I/O" in daemon.log():
            self.skipTest("the temporary directory has no direct I/O")
        return daemon

    def test_data(self):
        self.serve_luns()
        for lun in (0, 1):
            self.srpio("verify", "--count", 16384, "--bs", "200k", "--depth", 16,
                       url=self.url(lun))

    def test_data_that_is_written_through(self):
        self.serve_luns(write_through=True)
        for lun in (0, 1):
            self.srpio("verify", "--count", 2048, url=self.url(lun))

    def test_flush_zero_and_unmap(self):
        self.serve_luns(thin_provisioned=True)
        for lun in (0, 1):
            url = self.url(lun)
            self.srpio("verify", "--count", 4096, url=url)
            self.assert_good(self.raw("35000000000000000000", url=url))
            self.assert_good(self.raw("93010000000000000000000008000000", url=url))  # NDOB
            out = self.raw(iu.read10(0, 8), "--in-len", 4096, url=url)
            self.assertEqual(out["data"], "00" * 4096)
            out = self.raw(iu.read10(2048, 8), "--in-len", 4096, url=url)
            self.assertNotEqual(out["data"], "00" * 4096)


class EveryEngineTest(harness.Case):
    """What is the same on both."""

    def each(self, *luns):
        """A daemon with the LUNs for each engine, one after the other."""
        maps = {i: lun["name"] for i, lun in enumerate(luns)}
        for engine in ("io_uring", "libaio"):
            with self.subTest(engine):
                daemon = self.serve([dict(lun) for lun in luns], [target(group(maps))],
                                    engine=engine)
                yield [self.url(i) for i in maps]
                daemon.stop()

    def test_memory(self):
        lun = {"name": "memory", "type": "memory", "size": "16M"}
        for urls in self.each(lun, dict(lun, name="thin", thin_provisioned=True)):
            for url in urls:
                self.srpio("verify", "--count", 16384, "--bs", "200k", url=url)
                self.assert_good(self.raw("35000000000000000000", url=url))
                self.assert_good(self.raw("93010000000000000000000008000000", url=url))
                out = self.raw(iu.read10(2047, 2), "--in-len", 1024, url=url)
                self.assertEqual(out["data"][:1024], "00" * 512)
                self.assertNotEqual(out["data"][1024:], "00" * 512)

    def test_block_sizes(self):
        sizes = (512, 1024, 2048, 4096)
        luns = [{"name": str(n), "path": str(n), "size": "4M", "block_size": n} for n in sizes]
        for urls in self.each(*luns):
            for n, url in zip(sizes, urls):
                self.srpio("verify", "--count", (4 << 20) // n, url=url)
                end = self.raw(iu.read10((4 << 20) // n, 1), "--in-len", n, url=url)
                self.assert_sense(end, 5, 0x21, 0)

    def test_non_volatile_cache_and_read_only(self):
        self.make_file("ro", 1 << 20)
        luns = [{"name": "nv", "path": "nv", "size": "4M", "nv_cache": True},
                {"name": "ro", "path": "ro", "read_only": True}]
        for nv, ro in self.each(*luns):
            self.srpio("verify", "--count", 8192, url=nv)
            self.assert_good(self.raw("35000000000000000000", url=nv))
            self.assert_good(self.raw(iu.read10(0, 8), "--in-len", 4096, url=ro))
            with open(self.path("data"), "wb") as f:
                f.write(bytes(512))
            self.assert_sense(self.raw(iu.write10(0, 1), "--out-file", self.path("data"), url=ro),
                              7, 0x27, 0)
