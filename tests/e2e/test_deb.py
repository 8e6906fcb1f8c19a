# SPDX-License-Identifier: BSD-2-Clause
"""The Debian packages: what is in them, and that installing them into a root of its own works."""
import os
import shutil
import subprocess
import tempfile
import unittest

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps"),
                     "needs dpkg-deb and dpkg-dev")
class DebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = os.path.join(harness.build_dir(), "deb")
        out = subprocess.run([os.path.join(TOP, "packaging/deb/build"), cls.dir], text=True,
                             env=dict(os.environ, DEBFULLNAME="A Tester", DEBEMAIL="t@srptd.net"),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
        if out.returncode:
            raise AssertionError(out.stdout)
        cls.debs = {os.path.basename(x).split("_")[0]: x for x in out.stdout.split()
                    if x.endswith(".deb")}

    def field(self, deb, name):
        return subprocess.run(["dpkg-deb", "-f", self.debs[deb], name], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=harness.LIMIT).stdout.strip()

    def extract(self, deb):
        root = tempfile.mkdtemp(prefix="deb-")
        self.addCleanup(shutil.rmtree, root)
        subprocess.run(["dpkg-deb", "-R", self.debs[deb], root], check=True, timeout=harness.LIMIT)
        return root

    def test_three_packages_with_what_belongs_to_them(self):
        self.assertEqual(set(self.debs), {"srptd", "srptctl", "srpio"})
        wanted = {
            "srptd": ["usr/sbin/srptd", "etc/srptd/srptd.conf", "usr/lib/systemd/system/srptd.service",
                      "usr/lib/systemd/system/srptd.socket", "usr/lib/sysusers.d/srptd.conf",
                      "usr/lib/tmpfiles.d/srptd.conf", "usr/lib/udev/rules.d/60-srptd.rules",
                      "usr/share/man/man8/srptd.8.gz", "usr/share/man/man7/srptd-tuning.7.gz",
                      "usr/share/man/man7/srptd-security.7.gz",
                      "usr/share/doc/srptd/examples/srptd.openrc", "usr/share/doc/srptd/migrating.md",
                      "usr/share/man/man5/srptd.conf.5.gz", "usr/share/doc/srptd/copyright"],
            "srptctl": ["usr/sbin/srptctl", "usr/share/man/man8/srptctl.8.gz",
                        "usr/share/bash-completion/completions/srptctl"],
            "srpio": ["usr/bin/srpio", "usr/share/man/man1/srpio.1.gz"]}
        for deb, files in wanted.items():
            root = self.extract(deb)
            for name in files:
                self.assertTrue(os.path.isfile(os.path.join(root, name)), f"{deb}: {name}")
            others = [x for k, v in wanted.items() if k != deb for x in v]
            self.assertFalse([x for x in others if os.path.exists(os.path.join(root, x))], deb)

    def test_control(self):
        self.assertRegex(self.field("srptd", "Depends"), "libibverbs1.*librdmacm1")
        self.assertNotIn("ibverbs", self.field("srptctl", "Depends"))
        root = self.extract("srptd")
        self.assertEqual(harness.read_text(os.path.join(root, "DEBIAN/conffiles")),
                         "/etc/srptd/srptd.conf\n")
        for script in ("postinst", "prerm", "postrm"):
            path = os.path.join(root, "DEBIAN", script)
            self.assertTrue(os.access(path, os.X_OK), script)
            subprocess.run(["sh", "-n", path], check=True, timeout=harness.LIMIT)

    def test_lintian(self):
        if not shutil.which("lintian"):
            return  # it is not everywhere, and what it looks for is not
        done = subprocess.run(["lintian", "--allow-root", *self.debs.values()], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=harness.LIMIT)
        self.assertFalse([x for x in done.stdout.splitlines() if x.startswith("E:")], done.stdout)

    def test_what_is_installed_runs(self):
        root = self.extract("srptd")
        conf = os.path.join(root, "etc/srptd/srptd.conf")
        done = subprocess.run([os.path.join(root, "usr/sbin/srptd"), "--check-config", "-c", conf],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=harness.LIMIT)
        self.assertEqual(done.returncode, 0, done.stdout)
        unit = harness.read_text(os.path.join(root, "usr/lib/systemd/system/srptd.service"))
        self.assertIn("ExecStart=/usr/sbin/srptd -f\n", unit)
