# SPDX-License-Identifier: BSD-2-Clause
"""Counters, durations, top, and metrics: that they agree with the I/O that was done."""
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import harness
import iu
from harness import Probe, group, target, wait_for

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's packages are, for any python3
try:
    from prometheus_client.openmetrics import parser
except ImportError:
    parser = None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class MetricsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.daemon = self.serve(
            [{"name": "disk", "path": "disk", "size": "64M"},
             {"name": "idle", "type": "null", "size": "1G"}],
            [target(group({0: "disk", 3: "idle"}))],
            workers=2, control_socket=self.socket, metrics=f"127.0.0.1:{self.port}")

    def read(self, probe, channel, n, blocks=8):
        """n commands one after the other."""
        mem = probe.mem(blocks * 512)
        for i in range(n):
            cmd = iu.command(iu.read10(i * blocks, blocks), fmt=iu.DIRECT,
                             data=iu.desc(mem["va"], mem["rkey"], blocks * 512))
            self.assertEqual(probe.command(channel, cmd).status, 0)

    def write(self, probe, channel, n, blocks=8):
        mem = probe.mem(blocks * 512)
        for i in range(n):
            cmd = iu.command(iu.write10(i * blocks, blocks), fmt=iu.DIRECT << 4,
                             data=iu.desc(mem["va"], mem["rkey"], blocks * 512))
            self.assertEqual(probe.command(channel, cmd).status, 0)

    def lun(self, name="disk"):
        return {x["name"]: x for x in self.srptctl("stats")["luns"]}[name]

    def done(self, **wanted):
        """Stats of the disk when it has these; a command is counted when its response is complete."""
        def look():
            lun = self.lun()
            have = {"reads": lun["read"]["commands"], "writes": lun["write"]["commands"],
                    "in_flight": lun["in_flight"]}
            return lun if all(have[k] == v for k, v in wanted.items()) else None
        return wait_for(look, f"the disk has {wanted}")

    def exposition(self, text):
        """Samples by name and labels, after a parse of the whole by somebody else's parser."""
        if not parser:
            self.skipTest("python3-prometheus-client is not installed")
        families = list(parser.text_string_to_metric_families(text))
        self.assertTrue(all(f.documentation for f in families))
        return {(s.name, tuple(sorted(s.labels.items()))): s.value
                for f in families for s in f.samples}

    def scrape(self, path="/metrics"):
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=harness.LIMIT) as answer:
            self.assertIn("openmetrics-text; version=1.0.0", answer.headers["Content-Type"])
            return answer.read().decode()

    def test_lun_and_session_counters(self):
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        self.read(probe, channel, 20)
        self.write(probe, channel, 7)
        lun = self.done(reads=20, writes=7, in_flight=0)
        self.assertEqual((lun["read"]["bytes"], lun["read"]["blocks"]), (20 * 4096, 20 * 8))
        self.assertEqual((lun["write"]["bytes"], lun["write"]["blocks"]), (7 * 4096, 7 * 8))
        self.assertEqual(lun["aborted"], 0)
        self.assertGreaterEqual(lun["errors"], 1)  # the unit attention of the new session
        self.assertEqual(sum(n for _, n in lun["read"]["latency"]), 20)
        ends = [end for end, _ in lun["read"]["latency"]]
        self.assertEqual(ends, sorted(set(ends)))
        self.assertLessEqual(lun["read"]["p50_ns"], lun["read"]["p99_ns"])
        self.assertLessEqual(lun["read"]["ns"], sum(end * n for end, n in lun["read"]["latency"]))
        session = self.srptctl("stats")["sessions"][0]
        self.assertEqual((session["bytes_read"], session["bytes_written"], session["errors"]),
                         (20 * 4096, 7 * 4096, lun["errors"]))
        self.assertEqual(sum(n for _, n in session["latency"]), session["commands"])
        self.assertEqual(session["commands"], lun["commands"])
        idle = self.lun("idle")
        self.assertEqual((idle["commands"], idle["read"]["latency"]), (0, []))
        text = self.srptctl("stats", text=True)
        for word in ("ENGINE", "WRITE p50", "IN FLIGHT", "80K"):
            self.assertIn(word, text)

    def test_aborted_commands(self):
        self.daemon.stop()
        self.daemon = self.serve(
            [{"name": "disk", "type": "memory", "size": "16M",
              "fault": [{"op": "read", "delay_ms": 3600000, "cancel": True}]}],
            [target(group({0: "disk"}))], control_socket=self.socket)
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        mem = probe.mem(4096)
        probe.send(channel, iu.command(iu.read10(0, 8), fmt=iu.DIRECT, tag=77,
                                       data=iu.desc(mem["va"], mem["rkey"], 4096)))
        self.done(in_flight=1)
        self.assertEqual(sum(w["engine_depth"] for w in self.srptctl("stats")["workers"]), 1)
        probe.kill()
        lun = self.done(in_flight=0)
        self.assertEqual((lun["aborted"], lun["read"]["commands"]), (1, 0))

    def test_openmetrics_agrees(self):
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        self.read(probe, channel, 33)
        self.write(probe, channel, 5)
        self.done(reads=33, writes=5, in_flight=0)
        for text in (self.scrape(), self.srptctl("stats", "--openmetrics", text=True)):
            got = self.exposition(text)
            read = (("lun", "disk"), ("op", "read"))
            self.assertEqual(got["srptd_lun_commands_total", read], 33)
            self.assertEqual(got["srptd_lun_bytes_total", read], 33 * 4096)
            self.assertEqual(got["srptd_lun_latency_seconds_count", read], 33)
            self.assertEqual(got["srptd_lun_latency_seconds_bucket",
                                 (("le", "+Inf"), *read)], 33)
            self.assertGreater(got["srptd_lun_latency_seconds_sum", read], 0)
            self.assertEqual(got["srptd_lun_commands_total", (("lun", "disk"), ("op", "write"))], 5)
            self.assertEqual(got["srptd_lun_size_bytes", (("lun", "disk"),)], 64 << 20)
            self.assertEqual(got["srptd_sessions", ()], 1)
            workers = [got["srptd_worker_commands_total", (("worker", str(i)),)] for i in (0, 1)]
            self.assertEqual(sum(workers), self.lun()["commands"])
            for name in ("cq_polls", "send_doorbells", "completions"):
                self.assertGreater(sum(v for (n, _), v in got.items()
                                       if n == f"srptd_worker_{name}_total"), 0)
            credits = [v for (n, _), v in got.items() if n == "srptd_channel_credits"]
            self.assertEqual(len(credits), 1)
            self.assertGreater(credits[0], 0)

    def test_refused_logins_are_counted(self):
        _, outcome, _ = Probe(self).login_raw(iu.login_req(target=bytes(15) + b"\x99"))
        self.assertEqual(outcome, "rejected")
        got = self.exposition(self.scrape())
        self.assertEqual(got["srptd_refused_logins_total", (("reason", "0x00010003"),)], 1)
        self.assertEqual(got["srptd_refused_logins_total", (("reason", "0x00010000"),)], 0)

    def test_http_answers_only_what_it_should(self):
        with self.assertRaises(urllib.error.HTTPError) as e:
            self.scrape("/")
        self.assertEqual(e.exception.code, 404)
        with self.assertRaises(urllib.error.HTTPError) as e:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", data=b"x" * 100000,
                                   timeout=harness.LIMIT)
        self.assertEqual(e.exception.code, 405)
        idle = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(4)]
        for s in idle:
            s.sendall(b"GET /metrics HT")
            self.addCleanup(s.close)
        self.assertTrue(self.scrape().endswith("# EOF\n"))

    def test_http_address_in_use(self):
        other = harness.Daemon(self, ["-c", self.path("srptd.conf"), "--control",
                                      self.path("other.sock")], wait=False)
        other.allowed_errors = ["metrics: cannot listen", "LUN", "listen"]
        self.assertEqual(other.process.wait(harness.LIMIT), 1)

    def test_top(self):
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        top = subprocess.Popen([harness.binary("srptctl"), "-s", self.socket, "--json", "top", "-i",
                                "0.1"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(top.wait)
        self.addCleanup(top.stdout.close)
        self.addCleanup(top.kill)
        looks = [json.loads(top.stdout.readline())]
        self.read(probe, channel, 50)
        self.write(probe, channel, 10)
        while sum(x["luns"][0]["writes"] for x in looks) < 10:
            looks.append(json.loads(top.stdout.readline()))
        luns = [x["luns"][0] for x in looks]
        self.assertEqual(sum(x["reads"] for x in luns), 50)
        self.assertEqual(sum(x["writes"] for x in luns), 10)
        for lun in luns:
            self.assertEqual(lun["reads"] > 0, lun["read_p50_ns"] > 0, lun)
            self.assertLessEqual(lun["read_p50_ns"], lun["read_p99_ns"])
        self.assertLessEqual(60, sum(x["sessions"][0]["commands"] for x in looks))
        self.assertEqual(looks[0]["sessions"][0]["target"], "tgt")

    def test_top_and_watch_in_text(self):
        text = self.srptctl("top", "-n", 2, "-i", "0.1", text=True)
        self.assertEqual(text.count("READS/s"), 2)
        self.assertNotIn("\033", text)
        text = self.srptctl("sessions", "--watch", "-n", 3, "-i", "0.1", text=True)
        self.assertEqual(text.count("none\n"), 3)
        self.assertIn("no such option: -w", self.srptctl("luns", "--watch", code=2))
        self.assertIn("expected 0.1", self.srptctl("top", "-i", "0", code=2))
        self.assertIn("expected a number", self.srptctl("top", "-n", "x", code=2))

    def test_names_in_the_board_and_the_alerts_exist(self):
        probe = Probe(self)
        probe.login()
        wait_for(lambda: self.srptctl("sessions"), "a session")
        have = {name for name, _ in self.exposition(self.scrape())}
        top = os.path.join(os.path.dirname(__file__), "../../packaging/metrics")
        board = json.loads(harness.read_text(os.path.join(top, "grafana.json")))
        self.assertTrue(all(p["targets"] for p in board["panels"]))
        text = json.dumps(board) + harness.read_text(os.path.join(top, "alerts.yml"))
        wanted = set(re.findall(r"srptd_\w+", text))
        self.assertGreater(len(wanted), 15)
        self.assertLessEqual(wanted, have)
