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
