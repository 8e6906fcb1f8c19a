# SPDX-License-Identifier: BSD-2-Clause
"""Task management (SAM-5 7, SRP r16a 6.7): answers, effects on others, and under load."""
import harness
import iu
from harness import MIB, Probe, group, target

COMPLETE, INVALID, UNSUPPORTED, FAILED = 0, 2, 4, 5
IDENT = bytes.fromhex("000000000000000000000000000abcde")


class AnswerTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.serve_one(workers=2)
        self.probe = Probe(self)
        self.channel = self.probe.login()
        self.probe.clear_ua(self.channel)

    def tmf(self, function, **fields):
        rsp = self.probe.command(self.channel, iu.task_mgmt(function, **fields))
        self.assertEqual(rsp.flags & iu.RSPVALID, iu.RSPVALID, rsp)
        self.assertEqual(rsp.status, 0, rsp)
        return rsp.code

    def test_functions_of_a_lun_that_exists(self):
        for function in (iu.TM_ABORT_SET, iu.TM_CLEAR_SET, iu.TM_LUN_RESET):
            self.assertEqual(self.tmf(function), COMPLETE)

    def test_abort_task_of_an_unknown_tag(self):
        """SAM-5 7.2: what is not there has been aborted."""
        self.assertEqual(self.tmf(iu.TM_ABORT_TASK, task_tag=0x1234567890), COMPLETE)

    def test_unknown_function(self):
        for function in (0, 3, 0x10, 0x20, 0x80, 0xFF):
            self.assertEqual(self.tmf(function), UNSUPPORTED)

    def test_clear_aca_is_not_supported(self):
        self.assertEqual(self.tmf(iu.TM_CLEAR_ACA), UNSUPPORTED)

    def test_lun_that_does_not_exist(self):
        for function in (iu.TM_ABORT_TASK, iu.TM_ABORT_SET, iu.TM_CLEAR_SET, iu.TM_LUN_RESET):
            self.assertEqual(self.tmf(function, lun=9), FAILED)

    def test_srpio_reset(self):
        for name in ("lun-reset", "abort-set", "clear-set"):
            out = self.srpio("reset", "--function", name, "--initiator-id", "99").json
            self.assertEqual(out["code"], COMPLETE)
        out = self.srpio("reset", "--function", "abort", "--tag", "77").json
        self.assertEqual(out["code"], COMPLETE)
        out = self.srpio("reset", "--lun", 5, code=1).json
        self.assertEqual(out["code"], FAILED)

    def test_task_management_costs_and_returns_a_credit(self):
        for _ in range(300):
            rsp = self.probe.command(self.channel, iu.task_mgmt(iu.TM_ABORT_TASK, task_tag=5))
            self.assertEqual(rsp.delta, 1)

    def test_solicited_notification_is_echoed(self):
        data = bytearray(iu.task_mgmt(iu.TM_ABORT_SET))
        data[1] = 0x02
        self.assertEqual(self.probe.command(self.channel, bytes(data)).sol_not, 1)


class UnitAttentionTest(harness.Case):
    def setUp(self):
        super().setUp()
        luns = [{"name": "a", "path": "a", "size": "8M"}, {"name": "b", "path": "b", "size": "8M"}]
        self.serve(luns, [target(group({0: "a", 1: "b"}))], workers=2)
        self.one, self.two = Probe(self), Probe(self)
        self.first = self.one.login()
        self.second = self.two.login(initiator=IDENT)
        for lun in (0, 1):
            self.one.clear_ua(self.first, lun)
            self.two.clear_ua(self.second, lun)

    def test_lun_reset_tells_the_other_nexus(self):
        self.assertEqual(self.one.command(self.first, iu.task_mgmt(iu.TM_LUN_RESET)).code, 0)
        rsp = self.two.command(self.second, iu.command(iu.TUR))
        self.assertEqual(rsp.status, 2)
        self.assertEqual(iu.sense_code(rsp.sense)[:2], (6, 0x29))
        self.assertEqual(self.two.command(self.second, iu.command(iu.TUR)).status, 0)

    def test_lun_reset_leaves_other_luns_alone(self):
        self.one.command(self.first, iu.task_mgmt(iu.TM_LUN_RESET, lun=1))
        self.assertEqual(self.two.command(self.second, iu.command(iu.TUR)).status, 0)
        self.assertEqual(self.two.command(self.second, iu.command(iu.TUR, lun=1)).status, 2)

    def test_abort_task_set_tells_nobody(self):
        self.one.command(self.first, iu.task_mgmt(iu.TM_ABORT_SET))
        self.assertEqual(self.two.command(self.second, iu.command(iu.TUR)).status, 0)
        self.assertEqual(self.one.command(self.first, iu.command(iu.TUR)).status, 0)


class OrderTest(harness.Case):
    """What a task management response promises: nothing of the aborted commands follows it."""

    LENGTH = MIB

    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="64M", workers=2, pool_size="4M")
        self.probe = Probe(self)
        self.channel = self.probe.login()
        self.probe.clear_ua(self.channel)
        # more than the pool holds; the request limit leaves room for two IUs that follow
        self.N = min(24, self.probe.limit[self.channel] - 2)
        self.mem = self.probe.mem(self.LENGTH)
        self.credits = 0

    def write_cdb(self, i):
        return iu.write10(i * (self.LENGTH // 512), self.LENGTH // 512)

    def send_writes(self):
        data = iu.desc(self.mem["va"], self.mem["rkey"], self.LENGTH)
        for i in range(self.N):
            self.probe.send(self.channel, iu.command(self.write_cdb(i), tag=i + 1,
                                                     fmt=iu.DIRECT << 4, data=data))

    def responses_until(self, tag):
        """Tags that were answered, up to this one."""
        tags = []
        while tag not in tags:
            got = self.probe.recv(1)
            self.assertTrue(got, f"no answer with tag {tag:#x}: {tags}")
            for _, data in got:
                rsp = iu.parse_rsp(data)
                self.credits += rsp.delta
                tags.append(rsp.tag)
        return tags

    def check(self, function, tmf_channel, **fields):
        self.probe.ask("fill", self.mem["mem"], 0xAA)
        self.send_writes()
        if tmf_channel != self.channel:
            # nothing orders one channel after another: wait until the writes have arrived
            self.probe.send(self.channel, iu.command(iu.TUR, tag=0x55))
            self.responses_until(0x55)
        self.probe.send(tmf_channel, iu.task_mgmt(function, tag=0xFFFF, **fields))
        tags = self.responses_until(0xFFFF)
        self.probe.ask("fill", self.mem["mem"], 0xBB)
        before = self.file_bytes("disk", 0, self.N * self.LENGTH)
        at = tags.index(0xFFFF)
        late = self.probe.recv(1, 300)
        self.assertEqual(self.file_bytes("disk", 0, self.N * self.LENGTH), before,
                         "a write of an aborted command landed after the response")
        self.assertFalse(b"\xbb" in before, "data was fetched after the response")
        return tags[:at], tags[at + 1:] + [iu.parse_rsp(data).tag for _, data in late]

    def test_abort_task_set_ends_all_commands(self):
        _, after = self.check(iu.TM_ABORT_SET, self.channel)
        self.assertEqual(after, [], "responses to aborted commands")
        self.probe.send(self.channel, iu.command(iu.TUR, tag=0x77))
        self.responses_until(0x77)
        self.assertEqual(self.credits, self.N + 2, "the credits of aborted commands come back")

    def test_lun_reset_by_another_channel(self):
        other = self.probe.login(flags=iu.MULTI)
        _, after = self.check(iu.TM_LUN_RESET, other)
        self.assertEqual([t for t in after if t <= self.N], [], "responses to aborted commands")
        rsp = self.probe.command(other, iu.command(iu.TUR))
        self.assertEqual(iu.sense_code(rsp.sense), (0x06, 0x29, 0x03), "every nexus is told")
        for channel in (self.channel, other):
            self.assertEqual(self.probe.command(channel, iu.command(iu.TUR)).status, 0)

    def test_credits_come_back_without_a_response_to_carry_them(self):
        """All commands of a channel are aborted from another one: SRP_CRED_REQ returns what no
        later response carries."""
        other = self.probe.login(flags=iu.MULTI)
        self.check(iu.TM_LUN_RESET, other)
        for _ in range(100):
            if self.credits + self.probe.cred_req >= self.N + 2:
                break
            self.probe.recv(1, 50)
        self.assertEqual(self.credits + self.probe.cred_req, self.N + 2)

    def test_overlapped_tags(self):
        """The older command is aborted, the newer one refused; the channel goes on."""
        data = iu.desc(self.mem["va"], self.mem["rkey"], self.LENGTH)
        self.send_writes()  # the pool holds 4 MiB: what comes after these has to wait
        for _ in range(2):
            self.probe.send(self.channel, iu.command(self.write_cdb(0), tag=0x100,
                                                     fmt=iu.DIRECT << 4, data=data))
        rsps = [iu.parse_rsp(x) for _, x in self.probe.recv(self.N + 1)]
        mine = [rsp for rsp in rsps if rsp.tag == 0x100]
        self.assertEqual([rsp.status for rsp in mine], [2])
        self.assertEqual(iu.sense_code(mine[0].sense), (0x0B, 0x4E, 0x00))
        self.assertEqual(len(rsps), self.N + 1)
        self.assertEqual(self.probe.recv(1, 200), [])
        self.assertEqual(self.probe.command(self.channel, iu.command(iu.TUR)).status, 0)

    def test_abort_task_of_one_command(self):
        """All others are carried out."""
        _, _ = self.check_abort_one(self.N)

    def check_abort_one(self, tag):
        self.probe.ask("fill", self.mem["mem"], 0xAA)
        self.send_writes()
        self.probe.send(self.channel, iu.task_mgmt(iu.TM_ABORT_TASK, tag=0xFFFF, task_tag=tag))
        tags = self.responses_until(0xFFFF)
        self.assertNotIn(tag, tags[tags.index(0xFFFF):])
        while len(set(tags) - {0xFFFF, tag}) < self.N - 1:
            got = self.probe.recv(1)
            self.assertTrue(got, f"only {tags}")
            tags += [iu.parse_rsp(data).tag for _, data in got]
        data = self.file_bytes("disk", 0, (self.N - 1) * self.LENGTH)
        self.assertEqual(data, b"\xaa" * len(data))
        return tags, data

    def test_many_times(self):
        for _ in range(10):
            self.probe.recv(0, 0)
            self.send_writes()
            self.probe.send(self.channel, iu.task_mgmt(iu.TM_ABORT_SET, tag=0xFFFF))
            self.responses_until(0xFFFF)
        self.probe.send(self.channel, iu.command(iu.TUR, tag=0x77))
        self.responses_until(0x77)
        self.assertEqual(self.credits, 10 * (self.N + 1) + 1)


class LoadTest(harness.Case):
    """Resets while other processes read and write: they may fail, they may not hang."""

    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(size="64M", workers=2)

    def load(self):
        jobs = [self.spawn("bench", "--rw", "randrw", "--bs", "64k", "--depth", 16, "--channels",
                           2, "--duration", 3, "--timeout", 2, "--lba", 65536, "--initiator-id",
                           IDENT.hex()),
                self.spawn("verify", "--bs", "16k", "--passes", 4, "--timeout", 2)]
        self.daemon.wait_log("login accepted", 3)
        return jobs

    def end(self, jobs):
        for job in jobs:
            self.assertIn(job.finish().code, (0, 1))
        self.assert_serves()
        self.srpio("verify", "--bs", "64k", "--depth", 64, "--channels", 2)

    def test_abort_task_set_under_load(self):
        """From a third channel of the nexus that benches."""
        jobs = self.load()
        probe = Probe(self)
        channel = probe.login(initiator=IDENT, flags=iu.MULTI)
        for _ in range(20):
            rsp = probe.command(channel, iu.task_mgmt(iu.TM_ABORT_SET))
            self.assertEqual(rsp.code, COMPLETE)
        self.assertEqual(jobs[1].finish().code, 0, "the other nexus is not concerned")
        self.end(jobs)

    def test_lun_resets_under_load(self):
        jobs = self.load()
        for _ in range(5):
            self.assertEqual(self.srpio("reset").json["code"], COMPLETE)
        self.end(jobs)

    def test_clear_task_set_under_load(self):
        jobs = self.load()
        for _ in range(5):
            out = self.srpio("reset", "--function", "clear-set").json
            self.assertEqual(out["code"], COMPLETE)
        self.end(jobs)
