# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 of the initiator and of srptd, in the middle of things."""
import os
import random

import harness
import iu
from harness import MIB, Daemon, Probe

LIMIT = harness.grant(64)
# Room for the full limit of two channels and hardly a receive more. A sixteenth is in reserve.
RECEIVES = (2 * (LIMIT + harness.RX_PER_CHANNEL)) * 16 // 15


class InitiatorTest(harness.Case):
    # of a sanitizer's memory we only want what the program uses
    env = {"ASAN_OPTIONS": "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")}

    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="64M", workers=1, srpt_srq_size=RECEIVES, req_lim=LIMIT,
                                     pool_size="4M")

    def load(self):
        """Two channels full of writes, well under way."""
        logins = self.daemon.logins()
        written = os.stat(self.path("disk")).st_mtime_ns
        job = self.spawn("bench", "--rw", "randwrite", "--bs", "32k", "--depth", LIMIT - 1,
                         "--channels", 2, "--duration", 300, "--imm", "off")
        self.daemon.wait_log("login accepted", logins + 2)
        harness.wait_for(lambda: os.stat(self.path("disk")).st_mtime_ns != written or
                         not job.running(), "the load writes")
        self.assertTrue(job.running(), job.text())
        return job

    def full_limit_twice(self):
        """Every receive is back: two initiators get all that was promised to the dead one."""
        probe = Probe(self)
        for i in range(2):
            _, outcome, data = probe.login_raw(iu.login_req(initiator=bytes(15) + bytes([i])))
            self.assertEqual(outcome, "accepted", data.hex())
            self.assertEqual(iu.parse_login(data).req_lim, LIMIT)
        for channel in (0, 1):
            probe.clear_ua(channel)
        for channel in (0, 1):
            probe.send(channel, iu.command(iu.TUR), LIMIT)
        got = probe.recv(2 * LIMIT)
        self.assertEqual([iu.parse_rsp(x).status for _, x in got], [0] * (2 * LIMIT))
        probe.close()
        self.daemon.wait_all_ended()

    def test_killed_in_the_middle_of_writes(self):
        job = self.load()
        job.kill()
        self.daemon.wait_all_ended()
        self.full_limit_twice()
        self.srpio("verify", "--bs", "64k", "--depth", 32)

    def test_killed_in_the_middle_of_reads(self):
        job = self.spawn("bench", "--rw", "randread", "--bs", "256k", "--depth", 63, "--channels",
                         2, "--duration", 300)
        self.daemon.wait_log("login accepted", 2)
        self.assertTrue(job.running())
        job.kill()
        self.daemon.wait_all_ended()
        self.full_limit_twice()
        self.srpio("verify", "--bs", "64k", "--depth", 32)

    def test_killed_beside_another_session(self):
        victim = self.spawn("verify", "--passes", 2, "--bs", "64k", "--count", 32768)
        for _ in range(3):
            logins = self.daemon.logins()
            job = self.spawn("bench", "--rw", "randwrite", "--lba", 65536, "--bs", "16k",
                             "--duration", 300)
            self.daemon.wait_log("login accepted", logins + 1)
            job.kill()
        result = victim.finish()
        self.assertEqual(result.code, 0, result)

    def test_killed_many_times(self):
        """Nothing is lost on the way: not a receive, not a descriptor, no memory."""
        self.srpio("verify", "--bs", "1m", "--depth", 32, "--count", 65536)
        sizes, fds = [], None
        for cycle in range(50):
            self.load().kill()
            self.daemon.wait_all_ended()
            if cycle % 5 == 4:
                self.full_limit_twice()
                sizes.append(self.daemon.rss())
                fds = fds or self.daemon.n_fds()
        self.assertLess(sizes[-1] - sizes[0], 4 * MIB, sizes)
        harness.wait_for(lambda: self.daemon.n_fds() <= fds, f"no more than {fds} descriptors")
        self.srpio("verify", "--bs", "64k", "--depth", 32)


class TargetTest(harness.Case):
    def restart(self, old):
        daemon = Daemon(self, ["-c", self.path("srptd.conf")])
        self.assertNotEqual(daemon.pid, old.pid)
        return daemon

    def test_initiator_fails_when_srptd_is_killed(self):
        daemon = self.serve_one(workers=2)
        jobs = [self.spawn("bench", "--rw", rw, "--bs", "64k", "--depth", 32, "--channels", 2,
                           "--duration", 300) for rw in ("randwrite", "randread")]
        daemon.wait_log("login accepted", 4)
        daemon.kill()
        for job in jobs:
            result = job.finish()
            self.assertEqual(result.code, 1, result)
        self.restart(daemon)
        self.assert_serves()

    def test_flushed_data_survives(self):
        daemon = self.serve_one(workers=2)
        self.srpio("verify", "--mode", "write", "--count", 32768, "--fua")
        self.assert_good(self.raw("35000000000000000000"))
        job = self.spawn("bench", "--rw", "randwrite", "--lba", 65536, "--bs", "64k", "--depth",
                         32, "--duration", 300)
        daemon.wait_log("login accepted", 3)
        daemon.kill()
        job.finish()
        self.restart(daemon)
        self.srpio("verify", "--mode", "read", "--count", 32768)

    def test_every_acknowledged_write_survives(self):
        """The kernel keeps what a write() of a process took, so GOOD means it is there."""
        for round_ in range(5):
            with self.subTest(round=round_):
                self.acknowledged_writes(random.Random(round_))
                self.daemons[-1].stop()

    def block(self, i):
        return (i + 1).to_bytes(4, "big") * 128

    def acknowledged_writes(self, rng):
        path = self.path("disk")
        if os.path.exists(path):
            os.unlink(path)
        daemon = self.serve_one(size="8M")
        probe = Probe(self)
        channel = probe.login(flags=iu.IMMED, imm_offset=68)
        probe.clear_ua(channel)
        acked, enough, sent, answers = set(), rng.randrange(50, 400), 0, 0
        while len(acked) < enough:
            for _ in range(min(24, probe.limit[channel] + answers - sent)):
                data = (512).to_bytes(4, "big") + bytes(16) + self.block(sent)
                probe.send(channel, iu.command(iu.write10(sent, 1), tag=sent,
                                               fmt=iu.IMMEDIATE << 4, data=data))
                sent += 1
            got = self.good_tags(probe.recv(12))
            acked |= got
            answers += len(got)
        daemon.kill()
        probe.wait_end(channel)
        acked |= self.good_tags(probe.recv(0, 0))
        data = self.file_bytes("disk", 0, sent * 512)
        lost = [i for i in acked if data[i * 512:i * 512 + 512] != self.block(i)]
        self.assertEqual(lost, [])
        probe.close()
        self.restart(daemon)

    def good_tags(self, received):
        rsps = [iu.parse_rsp(x) for _, x in received]
        self.assertEqual({r.status for r in rsps} - {0}, set())
        return {r.tag for r in rsps}

    def test_successor_waits_for_the_last_io(self):
        """A new srptd starts at once after kill -9, again and again, and always gets the file."""
        daemon = self.serve_one(workers=2)
        for i in range(5):
            job = self.spawn("bench", "--rw", "randwrite", "--bs", "256k", "--depth", 64,
                             "--duration", 300)
            daemon.wait_log("login accepted", 1)
            daemon.kill()
            daemon = self.restart(daemon)
            job.finish()
        self.assert_serves()
