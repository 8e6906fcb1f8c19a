# SPDX-License-Identifier: BSD-2-Clause
"""srptctl and the control socket: every verb, who is refused, and clients that mean harm."""
import json
import os
import socket
import stat
import subprocess

import harness
import iu
from harness import Probe, group, target, wait_for


class AdminTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve(
            [{"name": "disk", "path": "disk", "size": "64M"},
             {"name": "nothing", "type": "null", "size": "1G"}],
            [target(group({0: "disk", 3: "nothing"}, read_only=[3]))],
            workers=2, control_socket=self.socket)

    def raw_socket(self):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.connect(self.socket)
        s.settimeout(harness.LIMIT)
        return s

    def ask_raw(self, *lines):
        """Answers to lines of bytes, parsed."""
        s = self.raw_socket()
        s.sendall(b"".join(line + b"\n" for line in lines))
        f = s.makefile("rb")
        return [json.loads(f.readline()) for _ in lines]

    def code(self, line):
        return self.ask_raw(line)[0]["error"]["code"]

    # what is shown

    def test_status(self):
        got = self.srptctl("status")
        self.assertEqual((got["pid"], got["luns"], got["sessions"], got["workers"]),
                         (self.daemon.pid, 2, 0, 2))
        self.assertEqual(got["targets"], [{"name": "tgt", "id_ext": harness.ID_EXT,
                                           "ioc_guid": harness.IOC_GUID}])
        self.assertTrue(all(x["up"] for x in got["listeners"]))
        self.assertEqual(self.srptctl(text=True), self.srptctl("status", text=True))
        self.assertIn(f"pid {self.daemon.pid}", self.srptctl(text=True))

    def test_sessions_with_every_identity_and_counter(self):
        self.assertEqual(self.srptctl("sessions"), [])
        probe = Probe(self)
        first = probe.login()
        second = probe.login(flags=iu.MULTI)
        probe.clear_ua(first)
        before = {c["qpn"]: c["commands"] for c in self.srptctl("sessions")[0]["channels"]}
        mem = probe.mem(8192)
        read = iu.command(iu.read10(0, 16), fmt=iu.DIRECT, data=iu.desc(mem["va"], mem["rkey"], 8192))
        self.assertEqual(probe.command(second, read).status, 0)
        got = self.srptctl("sessions")
        self.assertEqual(len(got), 1, got)
        s = got[0]
        self.assertEqual((s["target"], s["group"], s["luns"], s["ending"]), ("tgt", "all", 2, False))
        self.assertTrue(s["ip"].startswith("127."), s)
        self.assertRegex(s["port_id"], "^0x[0-9a-f]{32}$")
        self.assertIn("::", s["gid"])
        self.assertEqual(len(s["channels"]), 2)
        self.assertEqual({c["worker"] for c in s["channels"]}, {0, 1})
        self.assertTrue(all(c["state"] == "live" and c["credits"] > 0 for c in s["channels"]), s)
        more = [(c["commands"] - before[c["qpn"]], c["bytes_read"], c["bytes_written"])
                for c in s["channels"]]
        self.assertEqual(sorted(more), [(0, 0, 0), (1, 8192, 0)])
        table = self.srptctl("sessions", text=True)
        self.assertIn(s["port_id"], table)
        self.assertIn("8.0K", table)

    def test_luns(self):
        self.srpio("inquiry")
        luns = {x["name"]: x for x in self.srptctl("luns")}
        self.assertEqual(luns["disk"]["size"], 64 << 20)
        self.assertEqual(luns["disk"]["path"], self.path("disk"))
        self.assertEqual(luns["disk"]["serial"], "E2E00000")
        self.assertEqual(luns["nothing"]["type"], "null")
        self.assertEqual(luns["nothing"]["mappings"],
                         [{"target": "tgt", "group": "all", "lun": 3, "read_only": True}])
        self.assertIn("E2E00000", self.srptctl("luns", text=True))

    def test_stats_add_up(self):
        self.srpio("verify", "--count", 64)
        workers = self.srptctl("stats")["workers"]
        self.assertEqual([w["worker"] for w in workers], [0, 1])
        self.assertEqual(sum(w["bytes_written"] for w in workers),
                         sum(w["bytes_read"] for w in workers) // 4096 * 4096)
        self.assertGreaterEqual(sum(w["commands"] for w in workers), 2)
        self.assertEqual(sum(w["tasks"] for w in workers), 0)
        self.assertIn("COMMANDS", self.srptctl("stats", text=True))

    def test_login_info(self):
        text = self.srptctl("login-info", text=True)
        self.assertIn(f"id_ext={harness.ID_EXT},ioc_guid={harness.IOC_GUID},dest=", text)

    def complete(self, *words):
        """What bash offers for the last word."""
        script = self.srptctl("completion", text=True) + (
            'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _srptctl; printf "%s\\n" "${COMPREPLY[@]}"')
        path = os.path.dirname(harness.binary("srptctl")) + ":" + os.environ["PATH"]
        out = subprocess.run(["bash", "-c", script, "bash", "srptctl", *words], check=True,
                             stdout=subprocess.PIPE, text=True, timeout=harness.LIMIT,
                             env=dict(os.environ, PATH=path, SRPTD_SOCKET=self.socket)).stdout
        return out.split()

    def test_completion(self):
        self.assertEqual(self.complete("st"), ["status", "stats"])
        self.assertEqual(self.complete("lun", "re"), ["remove", "resize"])
        self.assertEqual(self.complete("config", "s"), ["show", "save"])
        self.assertEqual(self.complete("lun", "remove", "no"), ["nothing"])

    def test_version_and_help(self):
        version = self.srptctl("version")["version"]
        self.assertIn(version, self.srptctl("--version", text=True))
        names = {x["name"] for x in self.ask_raw(
            b'{"jsonrpc":"2.0","id":1,"method":"help"}')[0]["result"]}
        self.assertLessEqual({"status", "sessions", "luns", "logout", "log", "help"}, names)

    # what is changed

    def test_log_at_run_time(self):
        self.assertEqual(self.srptctl("log")["classes"], "")
        self.srptctl("log", "on", "iu,login")
        self.srpio("inquiry")
        self.daemon.wait_log("SRP_CMD")
        self.assertEqual(self.srptctl("log", "off", "all", "level", "warning"),
                         {"level": "warning", "classes": "",
                          "known": self.srptctl("log")["known"]})
        accepted = self.daemon.logins()
        self.srpio("inquiry")
        self.assertEqual(self.daemon.logins(), accepted)
        self.srptctl("log", "level", "info")
        self.assertIn("no class", self.srptctl("log", "on", "bogus", code=1))
        self.assertIn("expected error, warning", self.srptctl("log", "level", "loud", code=1))

    def test_logout(self):
        probes = [Probe(self, ip=ip) for ip in ("127.0.0.1", "127.0.0.1")]
        channels = [p.login(initiator=bytes(15) + bytes([i + 1])) for i, p in enumerate(probes)]
        numbers = [s["id"] for s in sorted(self.srptctl("sessions"), key=lambda s: s["port_id"])]
        self.assertEqual(self.srptctl("logout", numbers[0]), {"sessions": 1})
        probes[0].wait_end(channels[0])
        probes[1].clear_ua(channels[1])
        self.assertIn(f"control: logout, by uid {os.getuid()}, pid ", self.daemon.log())
        self.assertIn("no such session", self.srptctl("logout", numbers[0] + 99, code=1))
        self.srptctl("logout", "0x" + "0" * 30 + "02")
        probes[1].wait_end(channels[1])
        wait_for(lambda: self.srptctl("sessions") == [], "no session is left")
        self.assert_serves()

    def test_logout_by_an_id_of_digits_is_no_number(self):
        probes = [Probe(self), Probe(self)]
        channels = [p.login(initiator=bytes(15) + bytes([n])) for p, n in zip(probes, (2, 1))]
        first = [s["id"] for s in self.srptctl("sessions") if s["port_id"].endswith("2")]
        self.assertEqual(first, [1])
        self.srptctl("logout", "0" * 31 + "2")
        probes[0].wait_end(channels[0])
        probes[1].clear_ua(channels[1])
        self.assertIn("no such session", self.srptctl("logout", "", code=1))

    def test_drain(self):
        probe = Probe(self)
        channel = probe.login()
        self.assertEqual(self.srptctl("drain"), {"draining": True, "channels": 1})
        probe.wait_end(channel)
        self.assertTrue(self.srptctl("status")["draining"])
        _, outcome, data = Probe(self).login_raw(iu.login_req())
        self.assertEqual(outcome, "rejected", data.hex())
        self.assertIn("draining: logins are refused", self.srptctl("status", text=True))
        self.srptctl("drain", "off")
        self.assertFalse(self.srptctl("status")["draining"])
        self.assert_serves()
        self.srptctl("drain", "now", code=2)

    # exit status

    def test_exit_status(self):
        self.assertIn("unknown verb", self.srptctl("nonsense", code=2))
        self.assertIn("unexpected argument", self.srptctl("status", "now", code=2))
        self.srptctl("logout", code=2)
        self.daemon.stop()
        self.assertIn("no srptd at", self.srptctl("status", code=3))
        self.assertFalse(os.path.exists(self.socket))

    # the socket

    def test_mode_and_second_daemon(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o660)
        other = harness.Daemon(self, ["--lun", self.path("other") + ",64M", "--port", "5001",
                                      "--control", self.socket], wait=False)
        self.assertEqual(other.process.wait(harness.LIMIT), 1)
        other.allowed_errors = ["another srptd serves it"]
        self.assertIn("another srptd serves it", other.log())
        self.srptctl("status")

    def test_left_over_socket_is_taken_and_a_file_is_not(self):
        self.daemon.kill()
        self.assertTrue(os.path.exists(self.socket))
        self.daemon = harness.Daemon(self, ["-c", self.path("srptd.conf")])
        self.srptctl("status")
        self.daemon.stop()
        self.make_file("ctl", 1)
        bad = harness.Daemon(self, ["-c", self.path("srptd.conf")], wait=False)
        bad.allowed_errors = ["expected a socket or nothing"]
        self.assertEqual(bad.process.wait(harness.LIMIT), 1)
        self.assertEqual(os.path.getsize(self.socket), 1)

    # clients that mean harm

    def test_requests_that_are_none(self):
        self.assertEqual(self.code(b""), -32700)
        self.assertEqual(self.code(b"\xff\xfe{"), -32700)
        self.assertEqual(self.code(b"[" * 5000), -32700)
        self.assertEqual(self.code(b"[]"), -32600)
        self.assertEqual(self.code(b'{"method":"status"}'), -32600)
        self.assertEqual(self.code(b'{"jsonrpc":"2.0","id":{},"method":"status"}'), -32600)
        self.assertEqual(self.code(b'{"jsonrpc":"2.0","id":1,"method":"shutdown"}'), -32601)
        self.assertEqual(self.code(b'{"jsonrpc":"2.0","id":1,"method":"logout"}'), -32602)
        self.assertEqual(self.code(b'{"jsonrpc":"2.0","id":1,"method":"logout","params":[1]}'),
                         -32602)
        self.assertEqual(self.code(
            b'{"jsonrpc":"2.0","id":1,"method":"logout","params":{"session":1}}'), -32602)
        self.assertEqual(self.code(
            b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"x":1}}'), -32602)
        self.srptctl("status")

    def test_several_requests_in_one_write_and_notifications(self):
        one = b'{"jsonrpc":"2.0","id":%d,"method":"%s"}'
        quiet = b'{"jsonrpc":"2.0","method":"status"}\n'
        got = self.ask_raw(one % (1, b"sessions"), quiet + one % (2, b"version"),
                           one % (3, b"stats"))
        self.assertEqual([x["id"] for x in got], [1, 2, 3])

    def test_a_line_without_end(self):
        s = self.raw_socket()
        try:
            s.sendall(b"x" * (1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.daemon.wait_log("sent a line of more than")
        self.srptctl("status")

    def test_many_clients_and_slow_ones(self):
        idle = [self.raw_socket() for _ in range(40)]
        self.srptctl("status")
        # one that asks and never reads: what it may send is bounded, and it is dropped in time
        slow = idle[-1]
        slow.settimeout(1)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += slow.send(b'{"jsonrpc":"2.0","id":1,"method":"luns"}\n' * 64)
        except OSError:
            pass
        self.assertLess(sent, 16 << 20)
        for _ in range(20):
            self.srptctl("sessions")
        self.assert_serves()

    def test_clients_that_leave_in_the_middle(self):
        for _ in range(50):
            s = self.raw_socket()
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"stats"}\n{"jsonrpc"')
            s.close()
        self.srptctl("stats")
        self.assert_serves()


class ExplainTest(harness.Case):
    def test_explain(self):
        self.daemon = self.serve(
            [{"name": "a", "type": "null", "size": "1G"}, {"name": "b", "type": "null", "size": "1G"}],
            [target(group({0: "a", 4: "b"}, ["192.0.2.0/24", "!192.0.2.9"], "net", read_only=[4]),
                    group({0: "b"}, ["192.0.2.*"], "rest")),
             target(group({0: "a"}, ["0002:c903:*", "0x" + "0" * 31 + "7", "fe80::1"], "ids"),
                    name="other", id_ext="0" * 15 + "9")],
            control_socket=self.socket)

        def groups(who):
            got = self.srptctl("explain", who)
            return [t["group"] for t in got["targets"]]
        self.assertEqual(groups("192.0.2.1"), ["net", None])
        self.assertEqual(groups("192.0.2.9"), ["rest", None])
        self.assertEqual(groups("198.51.100.1"), [None, None])
        self.assertEqual(groups("0002:c903:0005:f34b"), [None, "ids"])
        self.assertEqual(groups("0002c9030005f34b"), [None, "ids"])
        self.assertEqual(groups("0x" + "0" * 31 + "7"), [None, "ids"])
        self.assertEqual(groups("fe80::1"), [None, "ids"])
        text = self.srptctl("explain", "192.0.2.9", text=True)
        self.assertIn('group net: excludes it by "!192.0.2.9"', text)
        self.assertIn('group rest: admits it by "192.0.2.*"\n    LUN 0: b\n', text)
        self.assertIn("target other: its logins are refused\n  group ids: no pattern means it", text)
        text = self.srptctl("explain", "192.0.2.1", text=True)
        self.assertIn("LUN 4: b, read-only", text)
        self.assertIn("would admit it, but an earlier group does", text)
        self.assertIn("expected an IP address", self.srptctl("explain", "host-7", code=1))
        self.srptctl("explain", code=2)


class DoctorTest(harness.Case):
    def doctor(self, **env):
        self.env = env
        self.daemon = self.serve([{"name": "a", "type": "null", "size": "1G"}], [target()],
                                 control_socket=self.socket, workers=64, pool_size="128K",
                                 segment_size="64K")
        self.assertIn("→", self.srptctl("doctor", text=True))
        return {x["what"]: x for x in self.srptctl("doctor")}

    def test_ethernet(self):
        got = self.doctor()
        self.assertEqual(got["simfab0 port 1 is active, Ethernet"]["level"], "ok")
        self.assertIn("srptctl group add",
                      got["target tgt has no group: its logins are refused"]["mend"])
        self.assertTrue(any("64 workers share" in x for x in got), got)
        self.assertTrue(any("APTPL" in x for x in got), got)

    def test_infiniband(self):
        got = self.doctor(SIMFAB_PROFILE="ib", SIMFAB_PKEYS="7fff")
        self.assertEqual(got["simfab0 port 1 is active, InfiniBand"]["level"], "ok")
        self.assertIn("simfab0 port 1 is a full member of no partition", got)
        self.assertTrue(any("lacks IsDeviceManagementSupported" in x for x in got), got)

    def test_no_device(self):
        self.env = {"SIMFAB_DEVICES": "0"}
        done = subprocess.run(
            [harness.binary("srptd"), "--doctor", "--lun", self.path("x")], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=harness.LIMIT,
            env=harness.fabric_env("srptd", self))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("error    there is no RDMA device\n         → load the driver", done.stdout)
