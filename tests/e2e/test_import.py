# SPDX-License-Identifier: BSD-2-Clause
"""srptctl import: what becomes of scst.conf and of saveconfig.json, and that it is served like that."""
import os
import re
import subprocess

import harness
from harness import binary

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "import")
GUID = "0002c90300a34270"


class ImportTest(harness.Case):
    def run_import(self, *files, code=0):
        """What it prints, and what it says."""
        done = subprocess.run([binary("srptctl"), "import", *files], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=harness.LIMIT)
        self.assertNotRegex(done.stderr, harness.SANITIZER)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout, done.stderr

    def sample(self, name, **paths):
        """A copy of a sample, with its paths in the directory of the test."""
        text = harness.read_text(os.path.join(SAMPLES, name))
        for path in ("/srv/", "/dev/vg0/"):
            text = text.replace(path, self.dir + "/")
        return self.write(name, text)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def check(self, text):
        """srptd's own check of what was printed."""
        path = self.write("printed.conf", text)
        done = subprocess.run([binary("srptd"), "--check-config", "-c", path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=harness.LIMIT)
        self.assertEqual(done.returncode, 0, done.stdout)
        return path

    def serve_text(self, text):
        """srptd on what was printed; its LUNs by name, and explain for an initiator."""
        path = self.check(text + f'\ncontrol_socket = "{self.socket}";\n')
        self.daemon = harness.Daemon(self, ["-c", path])
        return {x["name"]: x for x in self.srptctl("luns")}

    def sees(self, initiator, name):
        """LUN → (name, read only) as the target of that name shows it; None = refused."""
        for one in self.srptctl("explain", initiator)["targets"]:
            if one["name"] == name:
                return {x["lun"]: (x["name"], x["read_only"]) for g in one["groups"]
                        for x in g["luns"]} if one["group"] else None
        raise AssertionError(f"no target {name}")

    # what was lost is said

    def assert_lost(self, out, err, wanted):
        lost = [x for x in err.splitlines() if not x.startswith("the result:")]
        self.assertEqual(len(lost), len(wanted), err)
        for pattern, line in zip(wanted, lost):
            self.assertRegex(line, pattern)
            self.assertIn("#   " + line + "\n", out)

    def test_scst_says_what_it_lost(self):
        out, err = self.run_import(os.path.join(SAMPLES, "scst.conf"),
                                   os.path.join(SAMPLES, "ib_srpt.conf"))
        self.check(out)
        self.assert_lost(out, err, [
            r"scst.conf:3: max_tasklet_cmd 10", r":6: DEVICE 1:0:0:0 of dev_disk.*passthrough",
            r":12: DEVICE cdrom1 of vcdrom", r":46: tst 1 of disk02", r":82: target driver iscsi",
            r":105: LUN 6 \(1:0:0:0\) of group grp1", r":106: LUN 5 \(null0\).*taken",
            r":110: cpu_mask ff", r":121: target fe80.*f34c: it was not enabled",
            r"ib_srpt.conf:3: srp_max_req_size 4148: became 8276", r":4: trace_flag.*srptctl log",
            r":5: max_sge_delta=3", r"iscsi_only: no SRP initiator",
            r"srpt_service_guid for target ib_srpt_target_1"])

    def test_lio_says_what_it_lost(self):
        out, err = self.run_import(os.path.join(SAMPLES, "saveconfig.json"))
        self.check(out)
        self.assert_lost(out, err, [
            r"/fileio/disk: protection information", r"/block/disk: its ALUA groups",
            r"/ramdisk/sink: it has no wwn", r"/pscsi/disk: /dev/sdq: a LUN of type passthrough",
            r"/user/rbd: not carried over", r"iqn.* of iscsi: not SRP",
            r"LUN 9 \(/backstores/pscsi/disk\) of group ib.fe80", r"4272: it was not enabled",
            r"/pscsi/tape: no SRP initiator", r"ids of the targets"])

    # parameters keep their names

    def test_module_parameters(self):
        out, _ = self.run_import(os.path.join(SAMPLES, "scst.conf"),
                                 os.path.join(SAMPLES, "ib_srpt.conf"))
        for line in ("rdma_cm_port = 5555;", "srp_max_req_size = 8276;", "srp_max_rsp_size = 256;",
                     "srp_max_rdma_size = 65536;", "srpt_srq_size = 4095;", "srpt_sq_size = 4096;"):
            self.assertIn("\n" + line + "\n", out)
        for key in ("id_ext", "ioc_guid"):
            self.assertEqual(re.findall(rf'{key} = "(\w+)"', out), [GUID])
        self.assertIn("comp_v_mask = 3;", out)

    # served, it is what it was

    def test_scst_served(self):
        files = [self.sample("scst.conf"), os.path.join(SAMPLES, "ib_srpt.conf")]
        for name in ("db", "disk01", "with a blank"):
            self.make_file(name, 64 << 20)
        text, _ = self.run_import(*files)
        # not O_DIRECT in the file system of a test; all at the port of the fabric
        luns = self.serve_text(text.replace("o_direct = true;", "")
                               .replace("rdma_cm_port = 5555;", f"rdma_cm_port = {harness.PORT};"))
        self.assertEqual({k: (v["type"], v["serial"], v["block_size"], v["read_only"])
                          for k, v in luns.items()}, {
            "vg0_db": ("file", "5c3a2b1e", 4096, False),
            "disk01": ("file", "123427cddc71", 512, False),
            "disk02": ("file", "1234132a74e8", 512, True),
            "null0": ("null", "1234c8054713", 512, False)})
        self.assertEqual(luns["vg0_db"]["naa"], "60014051234567890abcdef012345678")
        self.assertEqual(luns["disk01"]["size"], 64 << 20)
        port = "fe80:0000:0000:0000:0002:c903:0005:f34b"
        grp1 = {0: ("disk02", True), 5: ("vg0_db", False)}
        self.assertEqual(self.sees("fe80::2:c903:5:f34d", port), grp1)
        self.assertEqual(self.sees("0x0000000000000000e41d2d0300e6d5c1", port), grp1)
        self.assertEqual(self.sees("192.168.5.7", port), {0: ("null0", False)})
        self.assertEqual(self.sees("192.168.5.9", port), {0: ("disk01", False)})
        self.assertEqual(self.sees("192.0.2.1", "ib_srpt_target_1"), {0: ("disk01", False)})
        self.assertEqual([(x["id_ext"], x["ioc_guid"]) for x in self.srptctl("status")["targets"]][0],
                         (GUID, GUID))
        # an initiator knows the disk again: SCST's vendor, name and serial number, EUI-64 from them
        out = self.srpio("inquiry", url=self.url(ids=(GUID, GUID))).json
        self.assertEqual((out["vendor"], out["product"]), ("SCST_FIO", "disk01"))
        out = self.raw("12018300ff00", "--in-len", 255, url=self.url(ids=(GUID, GUID)))
        self.assertIn("01020008" + "3132333432376364", out["data"])

    def test_lio_served(self):
        self.make_file("lv", 8 << 20)
        os.mkdir(self.path("lio"))
        source = self.sample("saveconfig.json")
        text, _ = self.run_import(source)
        luns = self.serve_text(text.replace("o_direct = true;", "").replace(
            "10737418240", str(16 << 20)) + f"rdma_cm_port = {harness.PORT};\n")
        self.assertEqual({k: (v["type"], v["naa"][:24], v["size"], v["read_only"])
                          for k, v in luns.items()}, {
            "disk": ("file", "6001405b7f4d2c19a3e4f528", 16 << 20, False),
            "disk_2": ("file", "60014050c2a8f5e11d44d6bb", 8 << 20, True),
            "ram": ("memory", "60014055a1e3c7780cd4b6fa", 16 << 20, False),
            "sink": ("null", luns["sink"]["naa"], 16 << 20, False)})
        self.assertEqual(luns["disk"]["serial"], "b7f4d2c1-9a3e-4f52-8c0d-2e1a6b7c9d84")
        name = "fe80:0000:0000:0000:0002:c903:00a3:4271"
        host = {4: ("disk_2", True), 0: ("disk", True)}
        self.assertEqual(self.sees("0xfe80000000000000e41d2d0300e6d5c1", name), host)
        self.assertEqual(self.sees("fe80::e41d:2d03:e6:d5c1", name), host)
        self.assertEqual(self.sees("192.0.2.11", name), {0: ("ram", False), 1: ("sink", False)})
        self.assertIsNone(self.sees("192.0.2.12", name))

    # files that are none

    def test_unusable_files(self):
        for text, why in (("HANDLER x {\n", ":1: a section that does not end"),
                          ("}\n", ":1: a } too many"),
                          ("hello\n", "neither an scst.conf"),
                          ("A {\n" * 20, ":16: a section without a name, or too deep"),
                          ('{ "a": \n', ":2: "), ("{}", "no storage_objects")):
            out, err = self.run_import(self.write("bad", text), code=1)
            self.assertEqual(out, "")
            self.assertIn(why, err)
        self.assertIn("No such file", self.run_import(self.path("nowhere"), code=1)[1])
        self.run_import(code=2)

    def test_result_that_is_refused_says_so(self):
        text = "HANDLER vdisk_fileio {\nDEVICE a {\nfilename relative\n}\n}\n" \
               "TARGET_DRIVER ib_srpt {\nTARGET t {\nLUN 0 a\n}\n}\n"
        out, err = self.run_import(self.write("scst.conf", text), code=1)
        self.assertIn('path: "relative", expected an absolute path', err)
        self.assertIn('path = "relative";', out)

    def test_scsi_device_is_passed_through(self):
        text = harness.read_text(os.path.join(SAMPLES, "saveconfig.json"))
        out, _ = self.run_import(self.write("saveconfig.json", text.replace(
            '"index": 9, "tpg_lun": 4', '"index": 9, "tpg_lun": 5')))
        self.check(out)
        self.assertRegex(out, r'name = "tape";\n    type = "passthrough";\n    path = "/dev/sg1";\n  }')
        self.assertIn('{ lun = 9; use = "tape"; }', out)
