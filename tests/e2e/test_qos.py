# SPDX-License-Identifier: BSD-2-Clause
"""Limits of LUNs and groups. How exact they are is tests/unit/target/test_qos.c's, with a clock of its
own; here a rate is so low that the next command would have to wait for minutes."""
import harness
import iu
from harness import Probe, group, target, wait_for

MIB = 1 << 20


class QosTest(harness.Case):
    def begin(self, group_keys=None, **lun_keys):
        self.groups = [dict(group({0: "disk", 1: "free"}), **(group_keys or {}))]
        self.daemon = self.serve(
            [{"name": "disk", "type": "memory", "size": "64M", **lun_keys},
             {"name": "free", "type": "memory", "size": "64M"}],
            [target(*self.groups)], workers=2, control_socket=self.socket)
        self.probe = Probe(self)
        self.channel = self.probe.login()
        for lun in (0, 1):
            self.probe.clear_ua(self.channel, lun)
        self.mem = self.probe.mem(MIB)

    def read(self, tag, lun=0, blocks=2048):
        self.probe.send(self.channel, iu.command(
            iu.read10(0, blocks), lun, tag, fmt=iu.DIRECT,
            data=iu.desc(self.mem["va"], self.mem["rkey"], blocks * 512)))

    def answered(self, n=1):
        """Tags of answers."""
        return [iu.parse_rsp(data).tag for _, data in self.probe.recv(n)]

    def limits(self):
        return {x["name"]: x for x in self.srptctl("stats")["limits"]}

    def held(self, name, delayed):
        wait_for(lambda: self.limits()[name]["delayed"] == delayed, f"{delayed} are held")

    def test_a_lun_and_a_change(self):
        self.begin(qos_bandwidth="1K", qos_burst_ms=0)
        self.read(1)
        self.assertEqual(self.answered(), [1])
        self.read(2)
        self.held("LUN disk", 1)
        self.read(3, lun=1)
        self.assertEqual(self.answered(), [3])  # the other LUN is not held up
        self.probe.send(self.channel, iu.command(iu.TUR, tag=4))
        self.assertEqual(self.answered(), [4])  # nor is what moves no blocks
        lun = [x for x in self.srptctl("stats")["luns"] if x["name"] == "disk"][0]
        self.assertEqual(lun["in_flight"], 1)
        text = self.srptctl("lun", "set", "disk", "qos_bandwidth=0", text=True)
        self.assertIn('LUN "disk": changed', text)
        self.assertEqual(self.answered(), [2])
        self.assertEqual(self.limits()["LUN disk"]["bandwidth"], 0)
        self.srptctl("lun", "set", "disk", "qos_bandwidth=2K", "qos_iops=7", "qos_burst_ms=9")
        got = self.limits()["LUN disk"]
        self.assertEqual((got["bandwidth"], got["iops"], got["burst_ms"]), (2048, 7, 9))
        self.assertIn("LUN disk", self.srptctl("stats", text=True))
        self.assertIn("qos_iops = 7;", self.srptctl("config", "show")["text"])

    def test_a_group(self):
        self.begin({"qos_bandwidth": "1K", "qos_burst_ms": 0})
        self.read(1)
        self.assertEqual(self.answered(), [1])
        self.read(2, lun=1)
        self.held("group all of tgt", 1)
        text = self.srptctl("group", "set", "tgt", "all", "qos_bandwidth=100G", text=True)
        self.assertIn('group "all": limits changed', text)
        self.assertEqual(self.answered(), [2])
        self.assertIn("expected one of qos_iops",
                      self.srptctl("group", "set", "tgt", "all", "read_only=true", code=1))
        self.srptctl("group", "set", "tgt", "none", "qos_iops=1", code=1)

    def test_a_limit_that_comes_while_served(self):
        self.begin()
        self.assertEqual(self.limits(), {})
        self.srptctl("lun", "set", "disk", "qos_bandwidth=1K", "qos_burst_ms=0")
        self.read(1)
        self.read(2)
        self.assertEqual(self.answered(), [1])
        self.held("LUN disk", 1)
        self.assertIn("nothing is different", self.without_limit())
        self.assertEqual(self.answered(), [2])

    def without_limit(self):
        """The file knows of none: a reload takes it away."""
        self.srptctl("reload")
        return self.srptctl("config", "diff")["text"]

    def test_aborts_and_ends_of_what_is_held(self):
        self.begin(qos_bandwidth="1K", qos_burst_ms=0)
        self.read(1)
        self.assertEqual(self.answered(), [1])
        self.read(2)
        self.read(3)
        self.held("LUN disk", 2)
        rsp = self.probe.command(self.channel, iu.task_mgmt(1, task_tag=2))
        self.assertEqual(rsp.status, 0)
        wait_for(lambda: self.srptctl("stats")["luns"][0]["aborted"] == 1, "one is aborted")
        self.probe.kill()
        wait_for(lambda: self.srptctl("stats")["luns"][0]["aborted"] == 2, "the other, too")
        self.daemon.wait_all_ended()

    def test_set_refuses_what_needs_more(self):
        self.begin()
        self.daemon.allowed_errors = ["LUN"]
        self.assertIn("there is none", self.srptctl("lun", "set", "no", "qos_iops=1", code=1))
        self.assertIn("unknown key", self.srptctl("lun", "set", "disk", "qos=1", code=1))
        self.assertIn("expected", self.srptctl("lun", "set", "disk", "qos_iops=x", code=1))
        self.srptctl("lun", "set", "disk", code=2)
        self.srptctl("group", "set", "tgt", "all", code=2)
        self.assert_serves()
