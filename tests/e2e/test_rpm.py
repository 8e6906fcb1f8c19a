# SPDX-License-Identifier: BSD-2-Clause
"""The packages for rpm: what is in them, what they ask for, and what their scripts are."""
import os
import shutil
import subprocess
import unittest

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@unittest.skipUnless(shutil.which("rpmbuild"), "needs rpmbuild (package rpm)")
class RpmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([os.path.join(TOP, "packaging/rpm/build"),
                               os.path.join(harness.build_dir(), "rpm")], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
        if done.returncode:
            raise AssertionError(done.stdout)
        cls.rpms = {os.path.basename(x).split("-")[0]: x for x in done.stdout.split()
                    if x.endswith(".rpm")}

    def query(self, name, *args):
        return subprocess.run(["rpm", "-qp", *args, self.rpms[name]], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=harness.LIMIT).stdout.splitlines()

    def test_files(self):
        self.assertEqual(set(self.rpms), {"srptd", "srptctl", "srpio"})
        wanted = {
            "srptd": ["/usr/sbin/srptd", "/etc/srptd/srptd.conf", "/usr/lib/systemd/system/srptd.service",
                      "/usr/lib/systemd/system/srptd.socket", "/usr/lib/sysusers.d/srptd.conf",
                      "/usr/lib/tmpfiles.d/srptd.conf", "/usr/lib/udev/rules.d/60-srptd.rules",
                      "/usr/share/man/man8/srptd.8.gz", "/usr/share/man/man5/srptd.conf.5.gz"],
            "srptctl": ["/usr/sbin/srptctl", "/usr/share/man/man8/srptctl.8.gz",
                        "/usr/share/bash-completion/completions/srptctl"],
            "srpio": ["/usr/bin/srpio", "/usr/share/man/man1/srpio.1.gz"]}
        for name, files in wanted.items():
            there = self.query(name, "-l")
            self.assertFalse(set(files) - set(there), name)
            self.assertFalse([x for k, v in wanted.items() if k != name for x in v if x in there], name)
            # directories of the distribution belong to it
            self.assertFalse({"/etc", "/usr/sbin", "/usr/share/man", "/usr/lib"} & set(there), name)

    def test_configuration_is_kept(self):
        self.assertEqual(self.query("srptd", "-c"), ["/etc/srptd/srptd.conf"])
        self.assertIn("/etc/srptd/srptd.conf n", [f"{f.split()[0]} n" for f in self.query(
            "srptd", "--qf", "[%{FILENAMES} %{FILEFLAGS:fflags}\n]") if f.endswith(" cn")])

    def test_what_they_require(self):
        self.assertTrue([x for x in self.query("srptd", "-R") if x.startswith("libibverbs")])
        self.assertFalse([x for x in self.query("srptctl", "-R") if x.startswith("libibverbs")])

    def test_scripts(self):
        text = "\n".join(self.query("srptd", "--scripts"))
        for word in ("systemd-sysusers srptd.conf", "systemd-tmpfiles --create srptd.conf",
                     "disable --now srptd.socket srptd.service"):
            self.assertIn(word, text)
