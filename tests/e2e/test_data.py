# SPDX-License-Identifier: BSD-2-Clause
"""Data: every way to describe a buffer, every size, every kind of file; and the file's own bytes."""
import os

import harness
import iu
from harness import MIB

PARTIAL = ("--desc", "indirect-partial", "--sg", 20, "--sg-inline", 4)
STYLES = {
    "default": (),
    "direct": ("--desc", "direct"),
    "direct, immediate": ("--desc", "direct", "--imm", "on"),
    "indirect": ("--desc", "indirect", "--sg", 12),
    "indirect of one": ("--desc", "indirect", "--sg", 1),
    "indirect, odd cuts": ("--desc", "indirect", "--sg", 11, "--sg-odd"),
    "indirect of 255": ("--desc", "indirect", "--sg", 255),
    "partial": PARTIAL,
    "partial, odd cuts": PARTIAL + ("--sg-odd",),
    "partial, long table": ("--desc", "indirect-partial", "--sg", 1000, "--sg-inline", 1),
    "partial, immediate": PARTIAL + ("--imm", "on"),
    "immediate off": ("--imm", "off"),
    "large immediate": ("--imm", "on", "--imm-max", "12k", "--it-iu-len", 16384),
}
SIZES = ("512", "1k", "4k", "7k", "64k", "100k", "256k", "257k", "1m", "8m")


class DataCase(harness.Case):
    def verify(self, *args, limit=harness.LIMIT):
        out = self.srpio("verify", *args, limit=limit).json
        self.assertEqual(out["result"], "verified")


class StyleTest(DataCase):
    """Small, whole-segment and many-segment transfers in each style."""

    def setUp(self):
        super().setUp()
        self.serve_one(size="32M")

    def check(self, style):
        args = STYLES[style]
        self.verify("--bs", "4k", "--count", 512, *args)
        self.verify("--bs", "64k", "--count", 4096, "--lba", 3, *args)
        self.verify("--bs", "1m", "--count", 8192, "--lba", 1, "--depth", 4, *args)

    def test_bench_mixes_reads_and_writes(self):
        out = self.srpio("bench", "--rw", "randrw", "--bs", "8k", "--count", 500).json
        self.assertEqual(out["commands"], 500)


def _style_test(style):
    return lambda self: self.check(style)


for _style in STYLES:
    _name = "test_" + _style.replace(", ", "_").replace(" ", "_")
    setattr(StyleTest, _name, _style_test(_style))


class SizeTest(DataCase):
    def all_sizes(self, *args, least=512):
        for size in SIZES:
            bs = int(size[:-1]) << {"k": 10, "m": 20}[size[-1]] if size[-1] in "km" else int(size)
            if bs % least:
                continue
            depth = 16 if bs < MIB else 2
            with self.subTest(size=size):
                self.verify("--bs", size, "--count", max(4 * bs, 64 << 10) // least, "--depth",
                            depth, *args)

    def test_sizes_with_blocks_of_512(self):
        self.serve_one(size="64M")
        self.all_sizes("--lba", 7)

    def test_sizes_with_blocks_of_4096(self):
        self.serve_one(size="64M", lun={"block_size": 4096})
        self.all_sizes("--lba", 3, least=4096)

    def test_sizes_with_a_small_pool(self):
        """8 MiB through 4 MiB of buffers: commands wait, and all of them end."""
        self.serve_one(size="64M", pool_size="4M", workers=1)
        self.all_sizes("--lba", 1)
        self.verify("--bs", "8m", "--count", 65536, "--depth", 8)
        self.verify("--bs", "8m", "--count", 65536, "--depth", 8, *PARTIAL)

    def test_small_rdma_size(self):
        """One command becomes thousands of RDMA operations, more than the send queue holds."""
        self.serve_one(size="32M", srp_max_rdma_size=256, srpt_sq_size=16)
        self.verify("--bs", "256k", "--count", 8192, "--depth", 8)

    def test_small_segments(self):
        self.serve_one(size="32M", segment_size="64K", pool_size="512K", workers=1)
        self.verify("--bs", "1m", "--count", 16384, "--depth", 16, *PARTIAL)
        self.verify("--bs", "4k", "--count", 8192, "--depth", 64)

    def test_more_than_the_largest_transfer_is_refused(self):
        self.serve_one(size="64M")
        self.assert_sense(self.raw(iu.read10(0, 16385), "--in-len", 16385 * 512), 5, 0x24, 0)
        self.assert_good(self.raw(iu.read10(0, 16384), "--in-len", 16384 * 512))


class DepthTest(DataCase):
    def depths(self, workers):
        self.serve_one(size="64M", workers=workers)
        for channels in (1, 2, 4):
            for depth in (1, 7, 32, 128):
                with self.subTest(channels=channels, depth=depth):
                    self.verify("--channels", channels, "--depth", depth, "--bs", "8k",
                                "--count", 16384)

    def test_depths_and_channels_with_one_worker(self):
        self.depths(1)

    def test_depths_and_channels_with_two_workers(self):
        self.depths(2)

    def test_more_commands_than_the_request_limit(self):
        self.serve_one(size="64M", req_lim=4)
        self.verify("--depth", 128, "--bs", "4k", "--count", 8192)

    def test_least_receives(self):
        """The initiator gets few credits and lives with them."""
        self.serve_one(size="64M", srpt_srq_size=40, req_lim=8, workers=1)
        self.verify("--depth", 64, "--bs", "64k", "--count", 8192)


class StoreTest(DataCase):
    def random_file(self, name, size):
        data = os.urandom(size)
        with open(self.path(name), "wb") as f:
            f.write(data)
        return data

    def check_bytes(self, *args, lba=9):
        """Written data is in the file where it belongs, and nothing else has changed."""
        size = 3 * MIB + 512 * 5
        before = self.file_bytes("disk", 0, 16 * MIB)
        data = self.random_file("in", size)
        self.srpio("write", "--in", self.path("in"), "--lba", lba, *args)
        after = self.file_bytes("disk", 0, 16 * MIB)
        at = lba * 512
        self.assertEqual(after[at:at + size], data)
        self.assertEqual(after[:at], before[:at])
        self.assertEqual(after[at + size:], before[at + size:])
        self.srpio("read", "--out", self.path("out"), "--lba", lba, "--count", size // 512, *args)
        self.assertEqual(self.file_bytes("out", 0, size + 1), data)

    def prepare(self):
        self.random_file("disk", 16 * MIB)

    def test_bytes_of_the_backing_file(self):
        self.prepare()
        self.serve_one(size="16M")
        for name in ("default", "indirect, odd cuts", "partial, odd cuts"):
            with self.subTest(name):
                self.check_bytes(*STYLES[name])

    def test_bytes_with_several_channels(self):
        self.prepare()
        self.serve_one(size="16M", workers=2)
        self.check_bytes("--channels", 4, "--bs", "24k", "--depth", 16)

    def test_file_that_existed_is_read_as_it_is(self):
        data = self.random_file("disk", MIB)
        self.serve_one(size="16M")
        self.srpio("read", "--out", self.path("out"))
        self.assertEqual(self.file_bytes("out", 0, MIB + 1), data,
                         "its own size counts, not that of the configuration")

    def start_direct(self, **more):
        lun = dict({"o_direct": True, "block_size": 4096}, **more)
        if not self.has_direct():
            self.skipTest("the file system of the temporary directory has no O_DIRECT")
        return self.serve_one(size="64M", lun=lun)

    def has_direct(self):
        path = self.make_file("probe", 4096)
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
        except OSError:
            return False
        return True

    def test_direct_io(self):
        self.start_direct()
        for args in ((), PARTIAL, ("--imm", "on"), ("--desc", "indirect", "--sg", 7, "--sg-odd")):
            with self.subTest(args=args):
                self.verify("--bs", "4k", "--count", 1024, "--lba", 1, *args)
                self.verify("--bs", "1m", "--count", 4096, "--lba", 1, "--depth", 4, *args)

    def test_direct_io_write_through(self):
        self.start_direct(write_through=True)
        self.verify("--bs", "64k", "--count", 512)

    def test_write_through_says_so(self):
        self.serve_one(lun={"write_through": True})
        data = bytes.fromhex(self.raw("1a0808001800", "--in-len", 24)["data"])
        self.assertFalse(data[6] & 4, "WCE")
        self.verify("--bs", "64k", "--count", 512)

    def test_fua_writes(self):
        self.serve_one(size="16M")
        self.verify("--fua", "--bs", "4k", "--count", 256)
        self.assert_good(self.raw(iu.write10(0, 1, 0x08), "--out-len", 512))
        self.assert_good(self.raw(iu.read10(0, 1, 0x08), "--in-len", 512))

    def test_null_store(self):
        self.serve([{"name": "void", "type": "null", "size": "1T", "block_size": 4096}],
                   [harness.target(harness.group({0: "void"}))])
        self.srpio("verify", "--mode", "write", "--count", 4096)
        out = self.raw(iu.read10(77, 4), "--in-len", 16384)
        self.assertEqual(out["data"], "00" * 16384)
        out = self.srpio("bench", "--rw", "randrw", "--count", 1000).json
        self.assertEqual(out["commands"], 1000)

    def test_file_that_was_cut_short_gives_errors_not_data(self):
        self.serve_one(size="16M")
        self.verify("--count", 1024)
        os.truncate(self.path("disk"), MIB)
        self.assert_good(self.raw(iu.read10(0, 8), "--in-len", 4096))
        out = self.raw(iu.read10(8 * 2048, 8), "--in-len", 4096)
        self.assertEqual(out["status_code"], 2, out)
        # a medium error until the daemon notices the new size
        self.assertRegex(out["sense"], r"^(MEDIUM ERROR|.*LOGICAL BLOCK ADDRESS OUT OF RANGE)")
