# SPDX-License-Identifier: BSD-2-Clause
"""Fair shares: a host whose commands never end does not take what others need, whatever its queue
depth. Its LUN holds every request for an hour, so that nothing it has taken comes back; or long
enough to compare what another host gets beside it and alone."""
import time

import harness
import iu
from harness import MIB, Probe, group, target

GREEDY = bytes(15) + b"\x66"
HOUR = 3600 * 1000
WINDOW = 2    # seconds; only counts of equal windows of one run are compared
ATTEMPTS = 8  # pairs of windows, on a machine that others load


class FairCase(harness.Case):
    def serve_slow(self, delay_ms=HOUR, **top):
        luns = [{"name": "slow", "path": "slow", "size": "64M",
                 "fault": [{"op": "any", "delay_ms": delay_ms}]},
                {"name": "fast", "path": "fast", "size": "64M"}]
        for lun in luns:
            lun["path"] = self.path(lun["path"])
        groups = [group({0: "slow", 1: "fast"}, initiators=[GREEDY.hex()], name="greedy"),
                  group({0: "fast"}, name="others")]
        self.daemon = self.serve(luns, [target(*groups)], workers=1, **top)

    def flood(self, channels, per_channel, cdb, length, fmt):
        """Commands that are never answered."""
        probe = Probe(self, queue=256)
        logins = [probe.login(initiator=GREEDY, flags=iu.MULTI if i else iu.SINGLE)
                  for i in range(channels)]
        for channel in logins:
            probe.clear_ua(channel)
        mem = probe.mem(length)
        desc = iu.desc(mem["va"], mem["rkey"], length)
        for channel in logins:
            n = min(per_channel, probe.limit[channel])
            probe.send(channel, iu.command(cdb, tag=1, fmt=fmt, data=desc), n)
        return probe


class StarvationTest(FairCase):
    def others_work(self, probe):
        self.srpio("verify", "--bs", "256k", "--depth", 16, "--channels", 2)
        self.srpio("verify", "--bs", "4k", "--depth", 32, "--count", 8192)
        self.assertEqual(probe.recv(1, 0), [], "the greedy host still waits")
        self.daemon.kill()  # what is held for an hour would keep it from a good end

    def join(self):
        """Another session: from now on there is something to share."""
        other = Probe(self)
        other.clear_ua(other.login(initiator=bytes(15) + b"\x05"))

    def test_data_buffers(self):
        """4 × 120 reads of 1 MiB want 480 MiB of the 16 that there are."""
        self.serve_slow(pool_size="16M")
        self.join()
        self.others_work(self.flood(4, 120, iu.read10(0, 2048), MIB, iu.DIRECT))

    def test_small_data_buffers(self):
        self.serve_slow(pool_size="4M")
        self.join()
        self.others_work(self.flood(8, 120, iu.read10(0, 8), 4096, iu.DIRECT))

    def test_tasks(self):
        """More commands than a worker can have under way: they wait in their receives."""
        self.serve_slow(srpt_srq_size=8192, req_lim=128, max_channels=64, pool_size="4M")
        self.join()
        self.others_work(self.flood(40, 62, iu.read10(0, 8), 4096, iu.DIRECT))

    def test_buffers_come_back_when_the_greedy_host_goes(self):
        self.serve_slow(pool_size="4M", delay_ms=1500)
        self.join()
        probe = self.flood(2, 60, iu.read10(0, 2048), MIB, iu.DIRECT)
        probe.kill()
        self.srpio("verify", "--bs", "1m", "--depth", 32)


class RateTest(FairCase):
    """Beside a host with 480 MiB under way on a LUN that answers after seconds, another host on the
    same worker keeps nine tenths of its rate."""

    def window(self, probe, channel, data):
        end = time.monotonic() + WINDOW
        n = 0
        while time.monotonic() < end:
            rsp = probe.command(channel, iu.command(iu.read10(0, 8), fmt=iu.DIRECT, data=data))
            self.assertEqual(rsp.status, 0)
            n += 1
        return n

    def test_rate_beside_a_deep_queue(self):
        self.serve_slow(delay_ms=2 * WINDOW * 1000, pool_size="16M")
        other = Probe(self)
        channel = other.login(initiator=bytes(15) + b"\x05")
        other.clear_ua(channel)
        mem = other.mem(4096)
        data = iu.desc(mem["va"], mem["rkey"], 4096)
        ratios = []
        for _ in range(ATTEMPTS):
            alone = self.window(other, channel, data)
            greedy = self.flood(4, 120, iu.read10(0, 2048), MIB, iu.DIRECT)
            beside = self.window(other, channel, data)
            self.assertEqual(greedy.recv(1, 0), [], "the greedy host waits all the time")
            greedy.kill()
            ratios.append(beside / alone)
            if ratios[-1] >= 0.9:
                return
        self.fail(f"completions beside a greedy host, of those alone: {ratios}")
