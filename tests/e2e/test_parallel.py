# SPDX-License-Identifier: BSD-2-Clause
"""Several initiators at once, on the same and on different LUNs, with every block proved."""
import harness
from harness import group, target

BLOCKS = 8192


class ParallelTest(harness.Case):
    def start(self, **top):
        luns = [{"name": f"d{i}", "path": f"d{i}", "size": "64M"} for i in range(3)]
        return self.serve(luns, [target(group({i: f"d{i}" for i in range(3)}))], **top)

    def finish(self, jobs):
        for job in jobs:
            result = job.finish()
            self.assertEqual(result.code, 0, result)
            self.assertEqual(result.json["result"], "verified")

    def verify(self, lun, part, *args):
        return self.spawn("verify", "--lba", part * BLOCKS, "--count", BLOCKS, "--seed",
                          100 * lun + part, *args, url=self.url(lun))

    def test_sessions_on_the_same_lun(self):
        self.start(workers=2)
        self.finish([self.verify(0, i, "--bs", "16k", "--passes", 2) for i in range(6)])

    def test_sessions_on_different_luns(self):
        self.start(workers=2)
        self.finish([self.verify(i % 3, i // 3, "--bs", "32k", "--passes", 2)
                     for i in range(6)])

    def test_styles_mixed(self):
        self.start(workers=2)
        styles = [("--desc", "direct"), ("--desc", "indirect", "--sg-odd"),
                  ("--desc", "indirect-partial", "--sg", 30, "--sg-inline", 3), ("--imm", "on"),
                  ("--channels", 4, "--depth", 32)]
        self.finish([self.verify(0, i, "--bs", size, *style) for i, (style, size) in
                     enumerate(zip(styles, ("4k", "256k", "1m", "512", "64k")))])

    def test_channels_spread_over_workers(self):
        daemon = self.start(workers=2)
        self.finish([self.verify(i, 0, "--channels", 4, "--bs", "8k", "--depth", 32)
                     for i in range(3)])
        log = daemon.log()
        self.assertIn("worker 0", log)
        self.assertIn("worker 1", log)

    def test_few_buffers_for_many(self):
        """Everybody waits for buffers of one small pool; nobody waits for ever."""
        self.start(workers=1, pool_size="2M")
        self.finish([self.verify(i % 3, i // 3, "--bs", "1m", "--depth", 8,
                                 *(("--desc", "indirect-partial", "--sg", 99, "--sg-inline", 2)
                                   if i % 2 else ())) for i in range(5)])

    def test_logins_and_logouts_beside_a_load(self):
        daemon = self.start(workers=2)
        job = self.spawn("verify", "--passes", 3, "--bs", "64k", "--channels", 2)
        daemon.wait_log("login accepted", 2)
        for _ in range(25):
            self.srpio("login", "--channels", 3, url=self.url(1))
        self.finish([job])

    def test_two_devices(self):
        self.env = {"SIMFAB_DEVICES": "2"}
        self.start(workers=2)
        self.finish([self.verify(0, i, "--channels", 2) for i in range(3)])
