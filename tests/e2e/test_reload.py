# SPDX-License-Identifier: BSD-2-Clause
"""Reload: LUNs, LUN maps and groups change under initiators that are logged in, wholly or not at all."""
import os
import signal
import stat
import time

import harness
import iu
from harness import Probe, group, target, wait_for

A, B = "127.0.0.7", "127.0.0.8"


class ReloadTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.luns = {"one": self.file("one"), "two": self.file("two")}
        self.groups = [group({0: "one", 1: "two"})]
        self.daemon = self.serve(self.lun_list(), [target(*self.groups)], workers=2,
                                 control_socket=self.socket)

    def file(self, name, size="16M", **more):
        return dict({"name": name, "path": self.path(name), "size": size, "usn": "U" + name}, **more)

    def lun_list(self):
        return [dict(x) for x in self.luns.values()]

    def write(self, targets=None, **top):
        self.write_config(self.lun_list(), targets or [target(*self.groups)],
                          **dict(dict(workers=2, control_socket=self.socket), **top))

    def reload(self, code=0):
        return self.srptctl("reload", code=code) if code else self.without_notes("reload")

    def without_notes(self, *verb):
        return "".join(line + "\n" for line in self.srptctl(*verb)["text"].splitlines()
                       if ": note: " not in line)

    def refused(self, *reasons):
        """Nothing changes; the answer and the log have the reasons. Errors are expected."""
        self.daemon.allowed_errors += ["reload", "config", "srptd.conf", "LUN"]
        before = self.srptctl("config", "show"), self.srptctl("luns")
        text = self.reload(code=1)
        for reason in reasons:
            self.assertIn(reason, text + self.daemon.log())
        self.assertEqual((self.srptctl("config", "show"), self.srptctl("luns")), before)

    def login(self, **fields):
        probe = Probe(self)
        channel = probe.login(**fields)
        for lun in range(len(self.groups[0]["luns"])):
            probe.clear_ua(channel, lun)
        return probe, channel

    def tur(self, probe, channel, lun=0):
        return probe.command(channel, iu.command(iu.TUR, lun))

    def luns_of(self, probe, channel):
        mem = probe.mem(4096)
        cdb = bytes([0xa0, 0, 0, 0, 0, 0]) + (4096).to_bytes(4, "big") + bytes(2)
        rsp = probe.command(channel, iu.command(cdb, fmt=iu.DIRECT, data=iu.desc(
            mem["va"], mem["rkey"], 4096)))
        self.assertEqual(rsp.status, 0)
        n = int.from_bytes(probe.peek(mem, 0, 4), "big") // 8
        return [probe.peek(mem, 8 + 8 * i, 2)[1] for i in range(n)]

    # what changes

    def test_nothing_is_different(self):
        self.assertEqual(self.reload(), "nothing is different\n")
        self.assertIn("nothing is different\n", self.srptctl("config", "diff", text=True))

    def test_lun_comes(self):
        probe, channel = self.login()
        self.luns["three"] = self.file("three")
        self.groups = [group({0: "one", 1: "two", 5: "three"})]
        self.write()
        self.assertIn('LUN "three": added', self.srptctl("config", "diff")["text"])
        self.assertFalse(os.path.exists(self.path("three")))
        self.assertIn('LUN "three": added', self.reload())
        self.assert_sense(self.tur(probe, channel), 6, 0x3f, 0x0e)
        self.assertEqual(self.tur(probe, channel).status, 0)
        self.assert_sense(self.tur(probe, channel, 5), 6, 0x29, 0)
        probe.clear_ua(channel, 5)
        self.assertEqual(self.luns_of(probe, channel), [0, 1, 5])
        # REPORT LUNS has told it: LUN 1 says nothing more
        self.assertEqual(self.tur(probe, channel, 1).status, 0)
        self.srpio("verify", "--count", 64, url=self.url(5))

    def test_lun_goes_and_its_file_is_free(self):
        probe, channel = self.login()
        del self.luns["two"]
        self.groups = [group({0: "one"})]
        self.write()
        self.assertIn('LUN "two": removed', self.reload())
        self.assert_sense(self.tur(probe, channel, 1), 5, 0x25, 0)
        self.assert_sense(self.tur(probe, channel, 0), 6, 0x3f, 0x0e)
        self.assertEqual(self.luns_of(probe, channel), [0])
        self.daemon.wait_log('LUN "two": removed$')
        other = harness.Daemon(self, ["--lun", self.path("two"), "--port", "5001"], ip="127.0.0.2")
        other.stop()
        # and it can come back
        self.luns["two"] = self.file("two")
        self.groups = [group({0: "one", 1: "two"})]
        self.write()
        self.reload()
        probe.clear_ua(channel, 1)

    def test_lun_is_replaced(self):
        probe, channel = self.login()
        self.luns["two"] = dict(self.file("other"), name="two")
        self.write()
        self.assertIn('LUN "two": changed', self.reload())
        self.assert_sense(self.tur(probe, channel, 1), 6, 0x29, 0)
        probe.clear_ua(channel, 1)
        luns = {x["name"]: x for x in self.srptctl("luns")}
        self.assertEqual(luns["two"]["path"], self.path("other"))

    def test_read_only_mapping(self):
        probe, channel = self.login()
        mem = probe.mem(512)
        write = iu.command(iu.write10(0, 1), fmt=iu.DIRECT << 4,
                           data=iu.desc(mem["va"], mem["rkey"], 512))
        self.assertEqual(probe.command(channel, write).status, 0)
        self.groups = [group({0: "one", 1: "two"}, read_only=[0])]
        self.write()
        self.reload()
        self.assert_sense(self.tur(probe, channel), 6, 0x2a, 0x01)
        self.assert_sense(probe.command(channel, write), 7, 0x27, 0)

    def test_reload_under_load_loses_no_command(self):
        load = self.spawn("verify", "--count", 3000, "--depth", 16)
        i = 0
        while load.running() or i < 4:
            i += 1
            self.groups = [group({0: "one", 1: "two", **({7: "two"} if i % 2 else {})})]
            self.write()
            self.reload()
        self.assertEqual(load.finish().code, 0, load.text())

    def test_removal_waits_for_commands_of_a_slow_store(self):
        self.luns["slow"] = self.file("slow", fault=[{"op": "read", "delay_ms": 3000}])
        self.groups = [group({0: "one", 1: "two", 2: "slow"})]
        self.write()
        self.reload()
        probe, channel = self.login()
        mem = probe.mem(512)
        probe.send(channel, iu.command(iu.read10(0, 1), lun=2, tag=77, fmt=iu.DIRECT,
                                       data=iu.desc(mem["va"], mem["rkey"], 512)))
        wait_for(lambda: sum(c["tasks"] for s in self.srptctl("sessions") for c in s["channels"]),
                 "the read is under way")
        del self.luns["slow"]
        self.groups = [group({0: "one", 1: "two"})]
        self.write()
        self.reload()
        got = []
        while not got:
            log = self.daemon.log()
            got = probe.recv(1, ms=100)
            if not got:
                self.assertNotIn('LUN "slow": removed\n', log)
        rsp = iu.parse_rsp(got[0][1])
        self.assertEqual((rsp.tag, rsp.status), (77, 0))
        self.daemon.wait_log('LUN "slow": removed$')

    def test_removal_waits_for_a_write_that_outlives_its_channel(self):
        held = 8
        self.luns["slow"] = self.file("slow", fault=[{"op": "write", "delay_ms": held * 1000}])
        self.groups = [group({0: "one", 1: "two", 2: "slow"})]
        self.write()
        self.reload()
        probe, channel = self.login()
        mem = probe.mem(512)
        sent = time.monotonic()
        probe.send(channel, iu.command(iu.write10(0, 1), lun=2, tag=77, fmt=iu.DIRECT << 4,
                                       data=iu.desc(mem["va"], mem["rkey"], 512)))
        wait_for(lambda: sum(c["tasks"] for s in self.srptctl("sessions") for c in s["channels"]),
                 "the write is under way")
        probe.kill()
        self.daemon.wait_log("disconnected")
        del self.luns["slow"]
        self.groups = [group({0: "one", 1: "two"})]
        self.write()
        self.reload()
        gone = False
        while not gone and time.monotonic() < sent + held:
            time.sleep(0.1)
            gone = 'LUN "slow": removed\n' in self.daemon.log()
        self.assertFalse(gone and time.monotonic() < sent + held, "removed under a write")
        self.daemon.wait_log('LUN "slow": removed$')

    def test_groups_and_who_is_admitted(self):
        self.groups = [group({0: "one"}, [A], "a"), group({0: "two"}, [B], "b")]
        self.write()
        self.reload()
        probes = {ip: Probe(self, ip=ip) for ip in (A, B)}
        channels = {ip: p.login(initiator=bytes(15) + bytes([i]))
                    for i, (ip, p) in enumerate(probes.items(), 1)}
        for ip in (A, B):
            probes[ip].clear_ua(channels[ip])
        # b is no longer admitted, a stays
        self.groups = [group({0: "one"}, [A], "a")]
        self.write()
        self.assertIn('group "b": removed', self.reload())
        probes[B].wait_end(channels[B])
        self.daemon.wait_log(f"{B}.*: no group of target tgt admits it any more")
        self.assertEqual(self.tur(probes[A], channels[A]).status, 0)
        # a moves to another group: it has to log in again
        self.groups = [group({0: "two"}, [A], "c")]
        self.write()
        self.reload()
        probes[A].wait_end(channels[A])
        self.daemon.wait_log('group "c" of target tgt admits it now instead of "a"')
        wait_for(lambda: self.srptctl("sessions") == [], "no session is left")
        probe = Probe(self, ip=A)
        probe.login()
        self.assertEqual(self.srptctl("sessions")[0]["group"], "c")

    def test_sighup(self):
        probe, channel = self.login()
        self.groups = [group({0: "one"})]
        self.write()
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log('reload: target "tgt", group "all": LUN map changed')
        self.assert_sense(self.tur(probe, channel, 1), 5, 0x25, 0)

    # what is refused

    def test_syntax_error_changes_nothing(self):
        with open(self.path("srptd.conf"), "a", encoding="utf-8") as f:
            f.write("aer = ;\n")
        self.refused("srptd.conf:", "syntax error")
        self.assert_serves()

    def test_keys_that_need_a_restart(self):
        self.luns["three"] = self.file("three")
        self.write(workers=3, req_lim=77)
        self.refused("workers: changed (needs a restart)", "req_lim: changed (needs a restart)",
                     "nothing was changed")
        self.assertFalse(os.path.exists(self.path("three")))
        self.write([target(*self.groups), target(name="more", id_ext="0" * 15 + "9")])
        self.refused('target "more": added (needs a restart)')
        self.write([target(*self.groups, aer=True)])
        self.refused('target "tgt": a key other than groups changed (needs a restart)')

    def test_one_lun_that_cannot_be_opened(self):
        probe, channel = self.login()
        self.luns["new"] = self.file("new")
        self.luns["bad"] = dict(self.file("bad"), path=self.path("no/such/dir"))
        self.groups = [group({0: "one", 1: "new"})]
        self.write()
        self.refused("no/such/dir", "nothing was changed")
        self.assertFalse(os.path.exists(self.path("new")), "what it made is gone again")
        self.assertEqual(self.tur(probe, channel, 1).status, 0)

    def test_keys_of_a_lun_that_keeps_its_file(self):
        self.luns["two"]["read_only"] = True
        self.write()
        self.refused("its keys cannot change while it serves")

    def test_without_a_file(self):
        self.daemon.stop()
        self.daemon = harness.Daemon(self, ["--lun", self.path("one"), "--port", "5000",
                                            "--control", self.socket])
        self.daemon.allowed_errors += ["reload"]
        self.assertIn("started with --lun", self.srptctl("reload", code=1))

    # keeping it

    def test_check_show_and_save(self):
        text = self.srptctl("config", "show")["text"]
        self.assertIn('name = "two"', text)
        os.chmod(self.path("srptd.conf"), 0o640)
        with open(self.path("srptd.conf"), "a", encoding="utf-8") as f:
            f.write("# a remark\n")
        self.srptctl("config", "save", text=True)
        self.assertEqual(harness.read_text(self.path("srptd.conf")), text)
        self.assertIn("# a remark", harness.read_text(self.path("srptd.conf.bak")))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("srptd.conf")).st_mode), 0o640)
        self.assertEqual(self.without_notes("config", "diff"), "nothing is different\n")
        self.assertIn("no errors", self.srptctl("config", "check", self.path("srptd.conf"), text=True))
        self.srptctl("config", "save", self.path("no/where"), code=1, text=True)
        with open(self.path("bad"), "w", encoding="utf-8") as f:
            f.write("workers = 0;\n")
        self.assertIn("bad:1: workers", self.srptctl("config", "check", self.path("bad"), code=1,
                                                     text=True))

    # by the socket

    def test_live_edits_last_when_they_are_saved(self):
        probe, channel = self.login()
        text = self.srptctl("lun", "add", "three", f"path={self.path('three')}", "size=16M",
                            "usn=U3", "rotational=true", text=True)
        self.assertIn('LUN "three": added\nuntil the next reload', text)
        self.srptctl("lun", "map", "tgt", "all", 9, "three", "ro")
        self.assert_sense(self.tur(probe, channel), 6, 0x3f, 0x0e)
        self.assertEqual(self.luns_of(probe, channel), [0, 1, 9])
        self.srptctl("lun", "unmap", "tgt", "all", 1)
        self.srptctl("lun", "remove", "two")
        self.assertEqual(self.luns_of(probe, channel), [0, 9])
        self.assertIn('LUN "three": removed\n', self.srptctl("config", "diff")["text"])
        self.srptctl("config", "save", text=True)
        self.assertEqual(self.without_notes("config", "diff"), "nothing is different\n")
        luns = self.srptctl("luns")
        self.daemon.stop()
        self.daemon = harness.Daemon(self, ["-c", self.path("srptd.conf")])
        again = self.srptctl("luns")
        for lun in luns + again:
            lun["sessions"] = 0
        self.assertEqual(again, luns)

    def test_values_of_digits_become_what_their_key_wants(self):
        self.srptctl("lun", "add", "777", f"path={self.path('777')}", f"size={16 << 20}", "usn=0042",
                     "t10_vend_id=42", "block_size=4096", "naa_id=3000000000000042")
        lun = {x["name"]: x for x in self.srptctl("luns")}["777"]
        self.assertEqual((lun["size"], lun["serial"], lun["naa"], lun["block_size"]),
                         (16 << 20, "0042", "3000000000000042", 4096))

    def test_a_reload_forgets_edits(self):
        self.srptctl("group", "add", "tgt", "more", A)
        self.assertIn('group "more": removed', self.reload())
        self.assertEqual(self.reload(), "nothing is different\n")

    def test_edits_of_groups(self):
        self.srptctl("group", "allow", "tgt", "all", A)
        self.srptctl("group", "forbid", "tgt", "all", "*")
        self.assertEqual(self.srpio("inquiry", ip=B, code=None).code, 1)
        probe = Probe(self, ip=A)
        channel = probe.login()
        self.srptctl("group", "remove", "tgt", "all")
        probe.wait_end(channel)

    def test_edits_that_are_refused(self):
        before = self.srptctl("config", "show")
        for words, why in [
                (["lun", "add", "one", "path=/x"], "one"),
                (["lun", "add", "x", "pth=/x"], "did you mean `path'"),
                (["lun", "add", "x\"; } ); workers = 9; (", "path=/x"], ""),
                (["lun", "add", "x", "path=/no/such/file"], "nothing was changed"),
                (["lun", "remove", "one"], "one"),
                (["lun", "remove", "none"], "there is none"),
                (["lun", "map", "tgt", "all", 0, "two"], "0"),
                (["lun", "map", "tgt", "nobody", 5, "two"], "there is none"),
                (["lun", "unmap", "tgt", "all", 77], "it has no LUN 77"),
                (["group", "add", "tgt", "all", "*"], "all"),
                (["group", "allow", "tgt", "all", "192.0.2.1/99"], "prefix"),
                (["group", "forbid", "tgt", "all", "10.0.0.1"], "it has no pattern")]:
            self.daemon.allowed_errors = ["LUN"]
            self.assertIn(why, self.srptctl(*words, code=1), words)
        self.assertEqual(self.srptctl("config", "show"), before)
        for words in (["lun", "add"], ["lun", "add", "x", "path"], ["lun", "map", "t", "g", "x", "n"],
                      ["group", "add", "t", "g"], ["lun", "resize", "one"]):
            self.assertIn("expected", self.srptctl(*words, code=2))

    def test_resize(self):
        probe, channel = self.login()
        self.srptctl("lun", "resize", "one", "32M")
        self.assert_sense(self.tur(probe, channel), 6, 0x2a, 0x09)
        self.assertEqual({x["name"]: x["size"] for x in self.srptctl("luns")},
                         {"one": 32 << 20, "two": 16 << 20})
        self.assertIn("only grows", self.srptctl("lun", "resize", "one", "1M", code=1))
        self.assertIn("expected a size", self.srptctl("lun", "resize", "one", "33000001", code=1))
        self.assertIn("no such LUN", self.srptctl("lun", "resize", "none", "1G", code=1))
