# SPDX-License-Identifier: BSD-2-Clause
"""srptd's command line and configuration: what is refused, by which words, and what stays behind."""
import os
import pwd
import re
import shutil
import subprocess

import harness
from harness import MIB, PORT, Daemon, group, target

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../conf/srptd.conf")


class ConfigCase(harness.Case):
    def run_srptd(self, *args, prefix=()):
        """(exit status, all output) of srptd that is to end by itself."""
        done = subprocess.run([*prefix, harness.binary("srptd"), *args],
                              env=harness.fabric_env("srptd", self), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=harness.LIMIT, check=False)
        self.assertIsNone(harness.SANITIZER.search(done.stdout), done.stdout)
        return done.returncode, done.stdout

    def check(self, path, **more):
        return self.run_srptd("--check-config", "-c", path, **more)

    def good(self):
        return ([{"name": "a", "path": self.path("a"), "size": "1M"}],
                [target(group({0: "a"}))])


class CheckTest(ConfigCase):
    def test_good_file(self):
        code, out = self.check(self.write_config(*self.good()))
        self.assertEqual(code, 0, out)
        self.assertIn("no errors", out)
        self.assertFalse(os.path.exists(self.path("a")), "a check creates nothing")

    def test_the_example_of_the_project(self):
        """Where there is no machine id it has too few ids, and says so."""
        code, out = self.check(EXAMPLE)
        if os.path.exists("/etc/machine-id") and os.path.getsize("/etc/machine-id"):
            self.assertEqual(code, 0, out)
        else:
            self.assertIn("machine-id", out)

    def test_bad_files_name_file_and_line(self):
        luns, targets = self.good()
        cases = {
            "unknown key": dict(no_such_key=1),
            "out of range": dict(workers=0),
            "wrong type": dict(workers="two"),
            "pool too small": dict(pool_size="1M", segment_size="1M"),
            "more credits than receives": dict(req_lim=128, srpt_srq_size=64),
        }
        for name, top in cases.items():
            with self.subTest(name):
                path = self.write_config([dict(x) for x in luns], targets, **top)
                code, out = self.check(path)
                self.assertNotEqual(code, 0, out)
                self.assertRegex(out, r"srptd\.conf:\d+: ")

    def check_refused(self, luns, targets, *words):
        path = self.write_config(luns, targets)
        code, out = self.check(path)
        self.assertNotEqual(code, 0, out)
        for word in words:
            self.assertRegex(out, word)
        code, out = self.run_srptd("-f", "-c", path)
        self.assertNotEqual(code, 0, out)

    def test_mapping_of_a_lun_that_is_not_defined(self):
        luns, _ = self.good()
        self.check_refused(luns, [target(group({0: "nobody"}))], "nobody", r"srptd\.conf:\d+")

    def test_same_file_in_two_luns(self):
        path = self.path("a")
        luns = [{"name": "one", "path": path, "size": "1M"},
                {"name": "two", "path": path, "size": "1M"}]
        self.check_refused(luns, [target(group({0: "one", 1: "two"}))], r"srptd\.conf:\d+", "path")
        self.assertFalse(os.path.exists(path))

    def test_two_targets_with_the_same_ids(self):
        luns, _ = self.good()
        both = [target(group({0: "a"}), name="x"), target(group({0: "a"}), name="y")]
        self.check_refused(luns, both, r"srptd\.conf:\d+")

    def test_syntax_error(self):
        path = self.path("srptd.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write("workers = 2;\nluns = (\n  { name = ;\n")
        code, out = self.check(path)
        self.assertNotEqual(code, 0)
        self.assertRegex(out, r"srptd\.conf:3: ")

    def test_file_that_does_not_exist(self):
        code, out = self.check(self.path("none.conf"))
        self.assertNotEqual(code, 0)
        self.assertIn("none.conf", out)

    def test_all_faults_are_told_at_once(self):
        luns, targets = self.good()
        code, out = self.check(self.write_config(luns, targets, workers=0, poll_us=-1, foo=1))
        self.assertNotEqual(code, 0)
        for word in ("workers", "poll_us", "foo"):
            self.assertIn(word, out)

    def test_check_needs_no_privilege(self):
        path = self.write_config(*self.good())
        os.chmod(self.dir, 0o755)
        os.chmod(path, 0o644)
        prefix = self.as_nobody()
        code, out = self.check(path, prefix=prefix)
        self.assertEqual(code, 0, out)

    def as_nobody(self):
        if os.geteuid() != 0:
            return ()
        nobody = pwd.getpwnam("nobody")
        if shutil.which("setpriv"):
            return ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
                    "--clear-groups")
        self.skipTest("root, and no setpriv to become somebody else")

    def test_serving_needs_no_privilege(self):
        """Only the file's own permissions count."""
        prefix = self.as_nobody()
        for path in (self.dir, self.make_file("a", MIB)):
            os.chmod(path, 0o777)
        os.mkdir(self.net, 0o777)
        os.chmod(self.net, 0o777)
        conf = self.write_config(*self.good())
        os.chmod(conf, 0o644)
        # the build may be where only root can look
        program = shutil.copy(harness.binary("srptd"), self.path("srptd"))
        env = harness.fabric_env("srptd", self)
        for word in re.split("[: ]", env["LD_PRELOAD"]):
            if "libsimfab" in word:
                copy = shutil.copy(word, self.path("libsimfab.so"))
                env["LD_PRELOAD"] = env["LD_PRELOAD"].replace(word, copy)
        with open(self.path("nobody.log"), "wb") as log:
            process = subprocess.Popen([*prefix, program, "-f", "-c", conf], env=env, stdout=log,
                                       stderr=log)
        self.processes.append(process)
        harness.wait_for(lambda: ": ready" in harness.read_text(log.name) or
                         process.poll() is not None, "srptd is ready")
        self.assertIsNone(process.poll(), harness.read_text(log.name))
        process.terminate()
        self.assertEqual(process.wait(harness.LIMIT), 0, harness.read_text(log.name))


class UsageTest(ConfigCase):
    def test_bad_usage(self):
        for args in (["--nonsense"], ["--port", "0"], ["--port", "x"], ["--lun", "/x,0"],
                     ["--lun", "/x,12Q"], ["surplus"], ["-d", "nothing"]):
            with self.subTest(args=args):
                code, out = self.run_srptd(*args)
                self.assertEqual(code, 2, out)
                self.assertIn("srptd", out)

    def test_help_and_version(self):
        code, out = self.run_srptd("--help")
        self.assertEqual(code, 0)
        for word in ("--config", "--check-config", "--lun", "--port"):
            self.assertIn(word, out)
        code, out = self.run_srptd("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^srptd \d+\.\d+")

    def test_background(self):
        """Without -f the command returns when the daemon serves."""
        log = self.path("background.log")
        with open(log, "wb") as f:
            code = subprocess.run(
                [harness.binary("srptd"), "--lun", self.path("disk") + ",8M"], stdout=f, stderr=f,
                stdin=subprocess.DEVNULL, env=harness.fabric_env("srptd", self),
                timeout=harness.LIMIT, check=False).returncode
        text = harness.read_text(log)
        pids = self.holders("disk")
        try:
            self.assertEqual(code, 0, text)
            self.assertIn(": ready", text)
            self.assertEqual(len(pids), 1)
            self.srpio("verify", "--count", 64)
        finally:
            for pid in pids:
                os.kill(pid, 15)
        harness.wait_for(lambda: not self.holders("disk"), "the background daemon ends")
        self.assertIsNone(harness.SANITIZER.search(harness.read_text(log)))

    def holders(self, name):
        """Processes that have the file open."""
        path, found = self.path(name), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                fds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            if path in fds:
                found.append(int(pid))
        return found


class ClaimTest(ConfigCase):
    """Rule: what is refused leaves nothing behind, and says who stands in the way."""

    def fails(self, *args):
        code, out = self.run_srptd("-f", *args)
        self.assertEqual(code, 1, out)
        self.assertIn("error:", out)
        return out

    def test_second_daemon_on_the_same_file(self):
        first = self.serve_lun("8M")
        out = self.fails("--lun", self.path("disk"), "--port", str(PORT + 1))
        self.assertIn(f"pid {first.pid}", out)
        self.assertIn(self.path("disk"), out)
        self.assert_serves()

    def test_same_file_by_two_names_in_one_configuration(self):
        self.make_file("disk", MIB)
        os.symlink(self.path("disk"), self.path("alias"))
        luns = [{"name": "one", "path": self.path("disk")},
                {"name": "two", "path": self.path("alias")}]
        path = self.write_config(luns, [target(group({0: "one", 1: "two"}))])
        out = self.fails("-c", path)
        self.assertRegex(out, r"srptd\.conf:\d+: LUN \"two\"")
        self.assertIn("another LUN", out)

    def test_hard_link_in_one_configuration(self):
        self.make_file("disk", MIB)
        os.link(self.path("disk"), self.path("alias"))
        luns = [{"name": "one", "path": self.path("disk")},
                {"name": "two", "path": self.path("alias")}]
        self.fails("-c", self.write_config(luns, [target(group({0: "one", 1: "two"}))]))

    def test_readers_may_share(self):
        self.make_file("disk", MIB)
        luns = [{"name": n, "path": self.path("disk"), "read_only": True} for n in ("one", "two")]
        Daemon(self, ["-c", self.write_config(luns, [target(group({0: "one", 1: "two"}))])])
        self.srpio("read", "--out", self.path("out"), url=self.url(1))

    def test_file_that_is_missing(self):
        out = self.fails("--lun", self.path("missing"))
        self.assertIn(self.path("missing"), out)
        self.assertFalse(os.path.exists(self.path("missing")))

    def test_directory_instead_of_a_file(self):
        self.assertIn(self.dir, self.fails("--lun", self.dir))

    def test_size_that_is_no_block(self):
        self.fails("--lun", self.path("tiny") + ",100")
        self.assertFalse(os.path.exists(self.path("tiny")))

    def test_nothing_is_left_when_a_later_lun_fails(self):
        """Applied wholly or not at all: a file made for the first LUN goes again."""
        luns = [{"name": "one", "path": self.path("one"), "size": "1M"},
                {"name": "two", "path": self.path("missing")}]
        path = self.write_config(luns, [target(group({0: "one", 1: "two"}))])
        out = self.fails("-c", path)
        self.assertRegex(out, r"srptd\.conf:\d+: LUN \"two\"")
        self.assertEqual(sorted(os.listdir(self.dir)), self.listing())

    def test_nothing_is_left_when_the_port_is_taken(self):
        self.serve_lun("8M")
        out = self.fails("--lun", self.path("late") + ",1M", "--port", str(PORT))
        self.assertIn(str(PORT), out)
        self.assertFalse(os.path.exists(self.path("late")))

    def listing(self):
        return sorted(x for x in os.listdir(self.dir) if x in ("srptd.conf", "net"))

    def test_bad_address_to_listen_on(self):
        luns, _ = self.good()
        targets = [target(group({0: "a"}),
                          listen=[{"address": "10.9.9.9", "rdma_cm_port": PORT}])]
        out = self.fails("-c", self.write_config(luns, targets))
        self.assertIn("10.9.9.9", out)

    def test_no_rdma_device(self):
        self.env = {"SIMFAB_DEVICES": "0"}
        self.make_file("disk", MIB)
        self.assertIn("no RDMA device", self.fails("--lun", self.path("disk")))
