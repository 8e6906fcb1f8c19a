# SPDX-License-Identifier: BSD-2-Clause
"""Random IUs. SRPTD_E2E_SEED repeats a run; the seed is printed."""
import os
import random
import re

import harness
import iu
from harness import MIB, Probe

N_IUS = 500
OTHER = ("0200000000000077", "0200000000000088")


class FuzzTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("SRPTD_E2E_SEED", random.randrange(1 << 32)))
        print(f"seed: SRPTD_E2E_SEED={self.seed}", flush=True)
        self.rng = random.Random(self.seed)

    def valid(self, mem):
        """A command, a table, or task management, all as they should be."""
        rng = self.rng
        cdb = rng.choice((iu.read10(0, 8), iu.write10(2048, 8), iu.INQUIRY, iu.TUR,
                          rng.randbytes(16)))
        d = iu.desc(mem["va"] + rng.randrange(4096), mem["rkey"], rng.choice((512, 4096, 65536)))
        fmt = rng.choice((0, 1, 2, 0x10, 0x20, 0x30, 0x11))
        data = d * 2
        if 2 in (fmt >> 4, fmt & 15):
            data = iu.table([d, d], 1024, mem["va"], mem["rkey"])
        elif fmt == 0x30:
            data = (512).to_bytes(4, "big") + rng.randbytes(16 + 512)
        return rng.choice((
            iu.command(cdb, tag=rng.getrandbits(64), fmt=fmt, counts=(2, 2), data=data),
            iu.task_mgmt(rng.choice((1, 2, 4, 8, 0x40, 99)), tag=rng.getrandbits(64))))

    def mutate(self, data):
        """Some bytes changed, cut or grown."""
        rng, data = self.rng, bytearray(data)
        for _ in range(rng.choice((0, 1, 1, 2, 8))):
            data[rng.randrange(1, len(data))] = rng.getrandbits(8)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)):]
        if rng.random() < 0.2:
            data += rng.randbytes(rng.randrange(300))
        return bytes(data)

    def random_iu(self, mem):
        if self.rng.random() < 0.1:
            return self.rng.randbytes(self.rng.randrange(200))
        return self.mutate(self.valid(mem))

    def new_channel(self, probe):
        return probe.login(flags=iu.IMMED | iu.SINGLE, imm_offset=68, target=harness.TARGET_ID)

    def storm(self, n):
        """n IUs, with a new login whenever the target has had enough."""
        probe = mem = channel = None
        for i in range(n):
            if channel is None or channel not in probe.live():
                if probe is None or i % 40 == 0:
                    if probe:
                        probe.close()
                    probe, mem = Probe(self), None
                channel = self.new_channel(probe)
                mem = mem or probe.mem(MIB)
            probe.send(channel, self.random_iu(mem))
            probe.recv(1, 20)
        probe.close()

    def start(self):
        """Two targets: one for the storm, one for the session that must not notice."""
        luns = [{"name": "fuzzed", "path": "fuzzed", "size": "16M", "thin_provisioned": True},
                {"name": "other", "path": "other", "size": "16M"}]
        return self.serve(luns, [
            harness.target(harness.group({0: "fuzzed"}), name="t"),
            harness.target(harness.group({0: "other"}), name="u", id_ext=OTHER[0],
                           ioc_guid=OTHER[1])], workers=2)

    def test_random_ius(self):
        daemon = self.start()
        other = Probe(self)
        safe = other.login(target=bytes.fromhex("".join(OTHER)), initiator=bytes(15) + b"\5")
        other.clear_ua(safe)
        for _ in range(5):
            self.storm(N_IUS // 5)
            self.assertTrue(daemon.alive(), daemon.log())
            rsp = other.command(safe, iu.command(iu.TUR))
            self.assertEqual(rsp.status, 0, "the other session")
            self.srpio("verify", "--count", 2048, url=self.url(ids=OTHER))
        self.check_log(daemon)

    def check_log(self, daemon):
        """What a peer can provoke is limited: ten lines of each kind in five seconds."""
        kinds = {}
        for line in daemon.log().splitlines():
            kind = re.sub(r"[0-9a-f]+", "#", re.sub(r"^\S+ ", "", line))
            if " warning: " in line:
                kinds[kind] = kinds.get(kind, 0) + 1
        noisy = {k: n for k, n in kinds.items() if n > N_IUS // 4}
        self.assertEqual(noisy, {})
