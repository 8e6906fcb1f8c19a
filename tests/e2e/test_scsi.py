# SPDX-License-Identifier: BSD-2-Clause
"""SCSI as an initiator sees it first: identity against the configuration, and plain refusals."""
import harness
import iu
from harness import Probe, group, target

LUN = {"name": "db0", "path": "db0", "size": "32M", "block_size": 4096, "t10_vend_id": "ACME",
       "prod_id": "Widget Disk", "prod_rev_lvl": "7.25", "usn": "SN-0001-XYZ",
       "naa_id": "5001405aabbccdde", "eui64_id": "0011223344556677", "rotational": True,
       "lb_per_pb_exp": 1, "opt_trans_len": "1M", "thin_provisioned": True}


class ScsiTest(harness.Case):
    def setUp(self):
        super().setUp()
        luns = [dict(LUN), {"name": "small", "path": "small", "size": "1M"},
                {"name": "void", "type": "null", "size": "1T"}]
        self.daemon = self.serve(luns, [target(group({0: "db0", 1: "small", 300: "void"}))])

    # unit attention

    def test_unit_ready_after_the_first_unit_attention(self):
        probe = Probe(self)
        channel = probe.login()
        self.assert_sense(probe.command(channel, iu.command(iu.TUR)), 6, 0x29, 0)
        self.assertEqual(probe.command(channel, iu.command(iu.TUR)).status, 0)

    def test_unit_attention_is_of_each_lun(self):
        probe = Probe(self)
        channel = probe.login()
        for lun in (0, 1, 300):
            self.assert_sense(probe.command(channel, iu.command(iu.TUR, lun)), 6, 0x29, 0)
            self.assertEqual(probe.command(channel, iu.command(iu.TUR, lun)).status, 0)

    def test_inquiry_and_report_luns_pass_a_unit_attention(self):
        probe = Probe(self)
        channel = probe.login()
        mem = probe.mem(4096)
        data = iu.desc(mem["va"], mem["rkey"], 36)
        for cdb in (iu.INQUIRY, bytes.fromhex("a00000000000000000240000")):
            rsp = probe.command(channel, iu.command(cdb, fmt=iu.DIRECT, data=data))
            self.assertEqual(rsp.status, 0)
        self.assert_sense(probe.command(channel, iu.command(iu.TUR)), 6, 0x29, 0)

    # identity

    def test_inquiry_is_as_configured(self):
        out = self.srpio("inquiry").json
        self.assertEqual((out["vendor"], out["product"], out["revision"]),
                         ("ACME", "Widget Disk", "7.25"))
        self.assertEqual(out["device_type"], "disk")
        self.assertFalse(out["removable"])

    def page(self, number, lun=0):
        return self.srpio("inquiry", "--page", number, url=self.url(lun)).json

    def test_vpd_serial_number(self):
        self.assertEqual(self.page("80")["serial"], "SN-0001-XYZ")

    def test_vpd_device_identification(self):
        found = {x["type"]: x["id"] for x in self.page("83")["designators"]}
        self.assertEqual(found["NAA"], "5001405aabbccdde")
        self.assertIn("0011223344556677", found.values())
        self.assertEqual(found["relative target port"], 1)

    def test_vpd_block_limits(self):
        page = self.page("b0")
        self.assertEqual(page["optimal_transfer_length"], (1 << 20) // 4096)
        self.assertGreaterEqual(page["max_transfer_length"] * 4096, 8 << 20)
        self.assertGreater(page["max_unmap_lba_count"], 0)

    def test_vpd_characteristics_and_provisioning(self):
        self.assertNotEqual(self.page("b1")["medium"], "solid state")
        self.assertEqual(self.page("b1", 1)["medium"], "solid state")
        self.assertTrue(self.page("b2")["unmap"])
        self.assertFalse(self.page("b2", 1)["unmap"])

    def test_all_supported_pages_can_be_read(self):
        data = bytes.fromhex(self.raw("12010000ff00", "--in-len", 255)["data"])
        pages = data[4:4 + data[3]]
        self.assertEqual(list(pages), sorted(pages))
        for page in pages:
            with self.subTest(page=hex(page)):
                out = self.raw(f"1201{page:02x}00ff00", "--in-len", 255)
                self.assert_good(out)
                self.assertEqual(bytes.fromhex(out["data"])[1], page)

    def test_unsupported_page(self):
        self.assert_sense(self.raw("1201c000ff00", "--in-len", 255), 5, 0x24, 0)

    def test_luns_of_different_targets_have_different_ids(self):
        first = {x["id"] for x in self.page("83")["designators"] if x["type"] == "NAA"}
        second = {x["id"] for x in self.page("83", 1)["designators"] if x["type"] == "NAA"}
        self.assertFalse(first & second)

    # LUNs

    def test_report_luns(self):
        data = bytes.fromhex(self.raw("a00000000000000001000000", "--in-len", 256)["data"])
        count = int.from_bytes(data[:4], "big") // 8
        got = [data[8 + 8 * i:16 + 8 * i] for i in range(count)]
        self.assertEqual(sorted(got), sorted(iu.lun_bytes(n) for n in (0, 1, 300)))

    def test_unmapped_lun(self):
        for lun in (2, 255, 299, 16383):
            with self.subTest(lun=lun):
                url = self.url(lun)
                self.assert_sense(self.raw(iu.TUR, "--keep-ua", url=url), 5, 0x25, 0)
                self.assert_sense(self.raw(iu.read10(0, 1), "--in-len", 512, "--keep-ua",
                                           url=url), 5, 0x25, 0)
                out = self.raw(iu.INQUIRY, "--in-len", 36, "--keep-ua", url=url)
                self.assert_good(out)
                self.assertEqual(int(out["data"][:2], 16), 0x7F, "peripheral qualifier 011b")

    def test_strange_lun_formats_do_not_exist(self):
        probe = Probe(self)
        channel = probe.login()
        good = iu.command(iu.TUR)
        for lun in ("ffffffffffffffff", "c102000000000000", "0000000000000001",
                    "0100000000000000", "8100000000000000", "4001000100000000"):
            with self.subTest(lun=lun):
                rsp = probe.command(channel, good[:20] + bytes.fromhex(lun) + good[28:])
                self.assert_sense(rsp, 5, 0x25, 0)

    def test_the_well_known_lun(self):
        probe = Probe(self)
        channel = probe.login()
        mem = probe.mem(64)

        def ask(cdb):
            data = iu.command(cdb, fmt=iu.DIRECT, data=iu.desc(mem["va"], mem["rkey"], 64))
            rsp = probe.command(channel, data[:20] + bytes.fromhex("c101000000000000") + data[28:])
            self.assertEqual(rsp.status, 0, rsp)
            return probe.peek(mem, 0, 64 - rsp.in_resid)

        self.assertEqual(ask(iu.INQUIRY)[0], 0x1E)
        own = "c101000000000000"
        self.assertEqual(ask(bytes([0xA0, 0, 2, 0, 0, 0, 0, 0, 0, 64, 0, 0]))[-8:].hex(), own)
        self.assertEqual(ask(bytes([0xA0, 0, 1, 0, 0, 0, 0, 0, 0, 64, 0, 0])).hex(),
                         "0000000800000000" + own)

    # capacity and ranges

    def test_read_capacity(self):
        data = bytes.fromhex(self.raw("25000000000000000000", "--in-len", 8)["data"])
        self.assertEqual(data, (8191).to_bytes(4, "big") + (4096).to_bytes(4, "big"))
        data = bytes.fromhex(self.raw("9e10000000000000000000000020" + "0000", "--in-len",
                                      32)["data"])
        self.assertEqual(data[:12], (8191).to_bytes(8, "big") + (4096).to_bytes(4, "big"))
        self.assertEqual(data[13] & 15, 1)
        self.assertEqual(data[14] & 0x80, 0x80, "LBPME")

    def test_capacity_of_a_large_lun(self):
        data = bytes.fromhex(self.raw("25000000000000000000", "--in-len", 8,
                                      url=self.url(300))["data"])
        blocks = (1 << 40) // 512
        self.assertEqual(int.from_bytes(data[:4], "big"), blocks - 1)

    def test_range_beyond_the_end(self):
        last = 2047  # of LUN 1
        cases = ((last, 2), (last + 1, 1), (0xFFFFFFFF, 1), (0, 2049))
        for lba, blocks in cases:
            for cdb, arg in ((iu.read10(lba, blocks), "--in-len"),
                             (iu.write10(lba, blocks), "--out-len")):
                with self.subTest(lba=lba, blocks=blocks, cdb=cdb.hex()):
                    out = self.raw(cdb, arg, 512 * blocks, url=self.url(1))
                    self.assert_sense(out, 5, 0x21, 0)
        for lba in (1 << 63, (1 << 64) - 1, (1 << 55) - 1):
            out = self.raw(iu.read16(lba, 1), "--in-len", 512, url=self.url(1))
            self.assert_sense(out, 5, 0x21, 0)
        self.assert_good(self.raw(iu.read10(last, 1), "--in-len", 512, url=self.url(1)))
        self.assertEqual(self.file_bytes("small", 0, 1 << 20), bytes(1 << 20))

    def test_zero_blocks_are_no_error(self):
        for cdb in (iu.read10(5, 0), iu.write10(5, 0), iu.read16(0, 0), iu.write16(0, 0)):
            self.assert_good(self.raw(cdb, url=self.url(1)))

    # refusals

    def test_unknown_opcode(self):
        for opcode in (0x02, 0x1F, 0x7E, 0xC0, 0xFF):
            with self.subTest(opcode=hex(opcode)):
                self.assert_sense(self.raw(bytes([opcode]) + bytes(15)), 5, 0x20, 0)

    def test_unknown_service_action(self):
        self.assert_sense(self.raw("9e1f" + "00" * 14, "--in-len", 32), 5, 0x24, 0)

    def test_reserved_bits_in_the_cdb(self):
        self.assert_sense(self.raw(bytes([0, 0, 1, 0, 0, 0])), 5, 0x24, 0)
        self.assert_sense(self.raw(bytes([0, 0, 0, 0, 0, 4])), 5, 0x24, 0)

    def test_protection_information_is_refused(self):
        self.assert_sense(self.raw(iu.read10(0, 1, 0x20), "--in-len", 4096), 5, 0x24, 0)

    def test_report_supported_operation_codes(self):
        out = self.raw("a30c00000000000040000000", "--in-len", 16384)
        self.assert_good(out)
        data = bytes.fromhex(out["data"])
        length = int.from_bytes(data[:4], "big")
        self.assertEqual(length % 8, 0)
        opcodes = {data[4 + at] for at in range(0, length, 8)}
        self.assertLessEqual({0x00, 0x03, 0x12, 0x25, 0x28, 0x2A, 0x35, 0x88, 0x8A, 0xA0},
                             opcodes)

    def test_operation_code_reported_alone(self):
        data = bytes.fromhex(self.raw("a30c01280000000001000000", "--in-len", 256)["data"])
        self.assertEqual(data[1] & 7, 3, "supported by the standard")
        self.assertEqual(data[4], 0x28)
        data = bytes.fromhex(self.raw("a30c01ff0000000001000000", "--in-len", 256)["data"])
        self.assertEqual(data[1] & 7, 1, "not supported")

    def test_mode_sense_says_what_the_cache_does(self):
        data = bytes.fromhex(self.raw("1a0808001800", "--in-len", 24)["data"])
        self.assertTrue(data[6] & 4, "WCE of a file in the page cache")

    def test_synchronize_cache(self):
        self.assert_good(self.raw("35000000000000000000"))
        self.assert_good(self.raw("91" + "00" * 15))

    def test_task_attributes(self):
        for attr in ("simple", "head", "ordered"):
            self.assert_good(self.raw(iu.TUR, "--attr", attr))

    def test_additional_cdb_is_carried(self):
        """16 bytes matter; what comes after them is where SRP says it is."""
        self.assert_good(self.raw(iu.read10(0, 1), "--additional", "00" * 16, "--in-len", 4096,
                                  "--imm", "off"))
        self.assert_good(self.raw(iu.write10(0, 1), "--additional", "00" * 12, "--out-len", 4096,
                                  "--imm", "off"))

    def test_sense_of_one_command_is_not_seen_by_the_next(self):
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        for _ in range(5):
            self.assert_sense(probe.command(channel, iu.command(b"\xff")), 5, 0x20, 0)
            rsp = probe.command(channel, iu.command(iu.TUR))
            self.assertEqual((rsp.status, rsp.sense, rsp.flags), (0, b"", 0))

    def test_solicited_notification_is_echoed(self):
        probe = Probe(self)
        channel = probe.login()
        probe.clear_ua(channel)
        success, failure = 0x02, 0x04
        for sol_not, cdb, wanted in ((success, iu.TUR, 1), (failure, iu.TUR, 0), (0, iu.TUR, 0),
                                     (success, b"\xff", 0), (failure, b"\xff", 1)):
            rsp = probe.command(channel, iu.command(cdb, sol_not=sol_not))
            self.assertEqual(rsp.sol_not, wanted, (sol_not, cdb))

    def test_tags_are_echoed_byte_by_byte(self):
        probe = Probe(self)
        channel = probe.login()
        for tag in (0, 1, 0xFFFFFFFFFFFFFFFF, 0x0102030405060708, 1 << 63):
            probe.command(channel, iu.command(iu.TUR, tag=tag))

    def test_credits_are_all_given_back(self):
        probe = Probe(self)
        channel, _, data = probe.login_raw(iu.login_req())
        limit = iu.parse_login(data).req_lim
        probe.clear_ua(channel)
        for _ in range(5):
            probe.send(channel, iu.command(iu.TUR), limit)
            got = [iu.parse_rsp(x) for _, x in probe.recv(limit)]
            self.assertEqual(len(got), limit)
            self.assertEqual(sum(r.delta for r in got), limit)
