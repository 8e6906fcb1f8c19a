# SPDX-License-Identifier: BSD-2-Clause
"""Who gets in, and what he sees: groups by IP address and port id, exclusion, read-only mapping."""
import harness
import iu
from harness import Probe, group, target

SERVER = "10.1.0.1"
REFUSED = "0x00010003"


class AclTest(harness.Case):
    def start(self, *groups, **more):
        luns = [{"name": "a", "path": "a", "size": "8M"},
                {"name": "b", "path": "b", "size": "16M"}]
        return self.serve(luns, [target(*groups)], {"ip": SERVER}, **more)

    def login(self, ip, *args):
        """"accepted", or the reason of the refusal."""
        url = self.url(host=SERVER)
        first = self.srpio("login", *args, url=url, ip=ip, code=None).json["channels"][0]
        return first["reason_code"] if first["login"] == "rejected" else first["login"]

    def luns(self, ip, *args):
        out = self.srpio("luns", *args, url=self.url(host=SERVER), ip=ip).json
        return {int(x["lun"]): x["bytes"] >> 20 for x in out["luns"]}

    def test_initiator_in_no_group_is_refused(self):
        daemon = self.start(group({0: "a"}, ["10.1.0.7"]))
        self.assertEqual(self.login("10.1.0.8"), REFUSED)
        self.assertIn("no group of the target admits this initiator", daemon.log())
        self.assertIn("10.1.0.8", daemon.log())
        self.assertEqual(self.login("10.1.0.7"), "accepted")

    def test_target_without_groups_refuses_everybody(self):
        self.start()
        self.assertEqual(self.login("10.1.0.8"), REFUSED)

    def test_first_matching_group_counts(self):
        self.start(group({0: "a"}, ["10.1.0.7"], "one"), group({0: "b"}, ["10.1.0.0/24"], "net"))
        self.assertEqual(self.luns("10.1.0.7"), {0: 8})
        self.assertEqual(self.luns("10.1.0.8"), {0: 16})
        self.assertEqual(self.login("10.1.1.8"), REFUSED)

    def test_by_initiator_port_id(self):
        ident = "0000000000000000e41d2d0300e6d5c1"
        self.start(group({0: "a"}, ["0x" + ident]))
        self.assertEqual(self.login("10.1.0.7", "--initiator-id", ident), "accepted")
        self.assertEqual(self.login("10.1.0.7", "--initiator-id", ident[:-1] + "2"), REFUSED)
        self.assertEqual(self.login("10.1.0.7"), REFUSED)

    def test_exclusion_wins(self):
        self.start(group({0: "a"}, ["10.1.0.*", "!10.1.0.9"]))
        self.assertEqual(self.login("10.1.0.7"), "accepted")
        self.assertEqual(self.login("10.1.0.9"), REFUSED)

    def test_exclusion_is_of_one_group_only(self):
        self.start(group({0: "a"}, ["*", "!10.1.0.9"], "most"), group({0: "b"}, ["*"], "rest"))
        self.assertEqual(self.luns("10.1.0.7"), {0: 8})
        self.assertEqual(self.luns("10.1.0.9"), {0: 16})

    def test_relogin_is_judged_anew(self):
        """An initiator port id cannot be used from an address that is not admitted."""
        self.start(group({0: "a"}, ["10.1.0.7"]))
        ident = "11" * 16
        self.assertEqual(self.login("10.1.0.7", "--initiator-id", ident), "accepted")
        probe = Probe(self, ip="10.1.0.7", dest=SERVER)
        channel = probe.login(initiator=bytes.fromhex(ident))
        self.assertEqual(self.login("10.1.0.9", "--initiator-id", ident), REFUSED)
        probe.clear_ua(channel)

    def test_multi_channel_from_another_group_does_not_join(self):
        """The map of a session is that of its group: whoever is in another one stays outside."""
        self.start(group({0: "a"}, ["10.1.0.7"], "one"), group({0: "b"}, ["10.1.0.8"], "two"))
        first = Probe(self, ip="10.1.0.7", dest=SERVER)
        second = Probe(self, ip="10.1.0.8", dest=SERVER)
        first.clear_ua(first.login())
        _, outcome, data = second.login_raw(iu.login_req(flags=iu.MULTI))
        if outcome != "accepted":
            return
        second.send(0, iu.command(iu.INQUIRY, tag=3))
        second.recv(1)
        mem = second.mem(4096)
        cdb = bytes.fromhex("9e10000000000000000000000020") + bytes(2)
        rsp = second.command(0, iu.command(cdb, fmt=iu.DIRECT, data=iu.desc(
            mem["va"], mem["rkey"], 32)))
        if rsp.status != 0:
            rsp = second.command(0, iu.command(cdb, fmt=iu.DIRECT, data=iu.desc(
                mem["va"], mem["rkey"], 32)))
        last = int.from_bytes(second.peek(mem, 0, 8), "big")
        self.assertNotEqual((last + 1) * 512, 8 << 20,
                            "an initiator of group two sees the LUN of group one")


class ReadOnlyTest(harness.Case):
    WRITES = {
        "WRITE(10)": (iu.write10(0, 1), 512),
        "WRITE(16)": (iu.write16(0, 1), 512),
        "WRITE(6)": (bytes.fromhex("0a0000000100"), 512),
        "WRITE(12)": (bytes.fromhex("aa0000000000000000010000"), 512),
        "WRITE AND VERIFY(10)": (bytes.fromhex("2e000000000000000100"), 512),
        "WRITE SAME(10)": (bytes.fromhex("41000000000000000100"), 512),
        "WRITE SAME(16)": (bytes.fromhex("93000000000000000000000000010000"), 512),
        "UNMAP": (bytes.fromhex("42000000000000001800"), 24),
    }

    def check_refused(self, url):
        for name, (cdb, length) in self.WRITES.items():
            with self.subTest(name):
                self.assert_sense(self.raw(cdb, "--out-len", length, url=url), 7, 0x27, 0)
        mode = bytes.fromhex(self.raw("1a0008001800", "--in-len", 24, url=url)["data"])
        self.assertTrue(mode[2] & 0x80, "MODE SENSE shows WP")
        self.assert_good(self.raw(iu.read10(0, 1), "--in-len", 512, url=url))

    def test_read_only_mapping_refuses_writes(self):
        luns = [{"name": "a", "path": "a", "size": "8M", "thin_provisioned": True}]
        self.serve(luns, [target(group({0: "a", 1: "a"}, read_only={1}))])
        self.check_refused(self.url(1))
        self.srpio("verify", "--count", 64)

    def test_read_only_lun_refuses_writes(self):
        self.make_file("a", 1 << 20)
        luns = [{"name": "a", "path": "a", "read_only": True, "thin_provisioned": True}]
        self.serve(luns, [target(group({0: "a"}))])
        for name in ("WRITE(10)", "WRITE SAME(10)"):
            cdb, length = self.WRITES[name]
            self.assert_sense(self.raw(cdb, "--out-len", length), 7, 0x27, 0)
        self.srpio("verify", "--mode", "write", "--count", 8, code=1)
        self.assertEqual(self.file_bytes("a", 0, 4096), bytes(4096))
