-- SPDX-License-Identifier: BSD-2-Clause
-- Wireshark and tshark dissector of captures that "srptctl capture start" makes (link type USER0).
-- Copy it to ~/.local/lib/wireshark/plugins, or: tshark -X lua_script:srp.lua -r FILE

local srp = Proto("scsi_srp", "SCSI RDMA Protocol")

local opcodes = {
	[0x00] = "SRP_LOGIN_REQ", [0x01] = "SRP_TSK_MGMT", [0x02] = "SRP_CMD", [0x03] = "SRP_I_LOGOUT",
	[0x41] = "SRP_CRED_RSP", [0x42] = "SRP_AER_RSP", [0x80] = "SRP_T_LOGOUT", [0x81] = "SRP_CRED_REQ",
	[0x82] = "SRP_AER_REQ", [0xc0] = "SRP_LOGIN_RSP", [0xc1] = "SRP_RSP", [0xc2] = "SRP_LOGIN_REJ",
}
local formats = { [0] = "none", [1] = "direct", [2] = "indirect", [3] = "immediate" }
local attributes = { [0] = "SIMPLE", [1] = "HEAD OF QUEUE", [2] = "ORDERED", [4] = "ACA" }
local functions = {
	[1] = "ABORT TASK", [2] = "ABORT TASK SET", [4] = "CLEAR TASK SET", [8] = "LUN RESET",
	[0x40] = "CLEAR ACA",
}
local statuses = {
	[0x00] = "GOOD", [0x02] = "CHECK CONDITION", [0x04] = "CONDITION MET", [0x08] = "BUSY",
	[0x18] = "RESERVATION CONFLICT", [0x28] = "TASK SET FULL", [0x30] = "ACA ACTIVE",
	[0x40] = "TASK ABORTED",
}
local rsp_codes = {
	[0] = "COMPLETE", [2] = "FIELDS INVALID", [4] = "FUNCTION NOT SUPPORTED", [5] = "FUNCTION FAILED",
}
local reasons = {
	[0x00010000] = "unable to establish the channel", [0x00010001] = "insufficient resources",
	[0x00010002] = "IU length too large", [0x00010003] = "unable to associate",
	[0x00010004] = "descriptor format not supported", [0x00010005] = "multi-channel action not supported",
	[0x00010006] = "channel limit reached",
}
local logout_reasons = {
	[0] = "none", [1] = "inactive", [2] = "invalid IU", [3] = "response to no request",
	[4] = "multi-channel action",
}
local cdbs = {
	[0x00] = "TEST UNIT READY", [0x03] = "REQUEST SENSE", [0x08] = "READ(6)", [0x0a] = "WRITE(6)",
	[0x12] = "INQUIRY", [0x15] = "MODE SELECT(6)", [0x16] = "RESERVE(6)", [0x17] = "RELEASE(6)",
	[0x1a] = "MODE SENSE(6)", [0x1b] = "START STOP UNIT", [0x25] = "READ CAPACITY(10)",
	[0x28] = "READ(10)", [0x2a] = "WRITE(10)", [0x2e] = "WRITE AND VERIFY(10)", [0x2f] = "VERIFY(10)",
	[0x35] = "SYNCHRONIZE CACHE(10)", [0x41] = "WRITE SAME(10)", [0x42] = "UNMAP",
	[0x53] = "XDWRITEREAD(10)", [0x55] = "MODE SELECT(10)", [0x5a] = "MODE SENSE(10)",
	[0x5e] = "PERSISTENT RESERVE IN", [0x5f] = "PERSISTENT RESERVE OUT",
	[0x83] = "THIRD-PARTY COPY OUT", [0x84] = "THIRD-PARTY COPY IN", [0x88] = "READ(16)",
	[0x89] = "COMPARE AND WRITE", [0x8a] = "WRITE(16)", [0x8e] = "WRITE AND VERIFY(16)",
	[0x8f] = "VERIFY(16)", [0x91] = "SYNCHRONIZE CACHE(16)", [0x93] = "WRITE SAME(16)",
	[0x9e] = "SERVICE ACTION IN(16)", [0xa0] = "REPORT LUNS", [0xa3] = "MAINTENANCE IN",
	[0xa4] = "MAINTENANCE OUT", [0xa8] = "READ(12)", [0xaa] = "WRITE(12)",
}

local f = {
	session = ProtoField.uint32("scsi_srp.session", "Session"),
	qpn = ProtoField.uint32("scsi_srp.qpn", "Queue pair"),
	initiator = ProtoField.bytes("scsi_srp.initiator", "Initiator port id"),
	target = ProtoField.bytes("scsi_srp.target", "Target port id"),
	opcode = ProtoField.uint8("scsi_srp.opcode", "Opcode", base.HEX, opcodes),
	tag = ProtoField.uint64("scsi_srp.tag", "Tag", base.HEX),
	sol_not = ProtoField.uint8("scsi_srp.sol_not", "Solicited notification", base.HEX),
	req_lim = ProtoField.int32("scsi_srp.req_lim_delta", "Request limit delta"),
	iu_len = ProtoField.uint32("scsi_srp.it_iu_len", "Length of IUs to the target"),
	ti_len = ProtoField.uint32("scsi_srp.ti_iu_len", "Length of IUs to the initiator"),
	buf_fmt = ProtoField.uint16("scsi_srp.buf_fmt", "Buffer formats", base.HEX),
	flags = ProtoField.uint8("scsi_srp.flags", "Flags", base.HEX),
	imm_off = ProtoField.uint16("scsi_srp.imm_off", "Immediate data offset"),
	out_fmt = ProtoField.uint8("scsi_srp.out_fmt", "Data-out format", base.DEC, formats, 0xf0),
	in_fmt = ProtoField.uint8("scsi_srp.in_fmt", "Data-in format", base.DEC, formats, 0x0f),
	out_count = ProtoField.uint8("scsi_srp.out_count", "Data-out descriptors"),
	in_count = ProtoField.uint8("scsi_srp.in_count", "Data-in descriptors"),
	lun = ProtoField.bytes("scsi_srp.lun", "LUN"),
	attr = ProtoField.uint8("scsi_srp.task_attr", "Task attribute", base.DEC, attributes, 0x07),
	cdb = ProtoField.bytes("scsi_srp.cdb", "CDB"),
	cdb_op = ProtoField.uint8("scsi_srp.cdb.opcode", "SCSI operation", base.HEX, cdbs),
	add_cdb = ProtoField.bytes("scsi_srp.add_cdb", "Additional CDB"),
	va = ProtoField.uint64("scsi_srp.va", "Address", base.HEX),
	rkey = ProtoField.uint32("scsi_srp.rkey", "Key", base.HEX),
	len = ProtoField.uint32("scsi_srp.len", "Length"),
	func = ProtoField.uint8("scsi_srp.function", "Function", base.HEX, functions),
	task_tag = ProtoField.uint64("scsi_srp.task_tag", "Tag of the task", base.HEX),
	status = ProtoField.uint8("scsi_srp.status", "SCSI status", base.HEX, statuses),
	out_res = ProtoField.uint32("scsi_srp.out_residual", "Data-out residual"),
	in_res = ProtoField.uint32("scsi_srp.in_residual", "Data-in residual"),
	rsp_code = ProtoField.uint8("scsi_srp.rsp_code", "Response code", base.DEC, rsp_codes),
	sense = ProtoField.bytes("scsi_srp.sense", "Sense data"),
	reason = ProtoField.uint32("scsi_srp.reason", "Reason", base.HEX, reasons),
	logout = ProtoField.uint32("scsi_srp.logout_reason", "Reason", base.DEC, logout_reasons),
	answers = ProtoField.framenum("scsi_srp.request_in", "Request in"),
	answered = ProtoField.framenum("scsi_srp.response_in", "Response in"),
	time = ProtoField.relative_time("scsi_srp.time", "Time from the request"),
	rest = ProtoField.bytes("scsi_srp.data", "Data"),
}
local list = {}
for _, field in pairs(f) do
	list[#list + 1] = field
end
srp.fields = list

local malformed = ProtoExpert.new("scsi_srp.malformed", "The unit is shorter than its kind", expert.group.MALFORMED,
	expert.severity.ERROR)
srp.experts = { malformed }

-- Requests by session, queue pair and tag; filled in the first pass over the file.
local open, request_of, response_of, sent_at

function srp.init()
	open, request_of, response_of, sent_at = {}, {}, {}, {}
end

local function pair_up(key, pinfo, is_request)
	if pinfo.visited then
		return
	end
	if is_request then
		open[key] = pinfo.number
		sent_at[pinfo.number] = pinfo.abs_ts
	elseif open[key] then
		request_of[pinfo.number] = open[key]
		response_of[open[key]] = pinfo.number
		open[key] = nil
	end
end

local function show_pair(tree, pinfo)
	local request, response = request_of[pinfo.number], response_of[pinfo.number]

	if response then
		tree:add(f.answered, response):set_generated()
	end
	if request then
		tree:add(f.answers, request):set_generated()
		local s = pinfo.abs_ts - sent_at[request]
		tree:add(f.time, NSTime.new(math.floor(s), math.floor((s % 1) * 1e9))):set_generated()
	end
end

local function lun_text(buf)
	local first = buf(0, 1):uint()

	if first < 0x40 then
		return tostring(buf(1, 1):uint())
	end
	return first < 0x80 and tostring(buf(0, 2):uint() % 0x4000) or tostring(buf:bytes())
end

local function descriptor(tree, buf, name)
	local t = tree:add(srp, buf, name)

	t:add(f.va, buf(0, 8))
	t:add(f.rkey, buf(8, 4))
	t:add(f.len, buf(12, 4))
	t:append_text(string.format(": %d bytes", buf(12, 4):uint()))
end

-- The descriptors of one direction; where the next begin.
local function descriptors(tree, buf, at, fmt, count, name)
	if fmt == 1 and buf:len() >= at + 16 then
		descriptor(tree, buf(at, 16), name)
		return at + 16
	end
	if fmt ~= 2 or buf:len() < at + 20 then
		return at
	end
	descriptor(tree, buf(at, 16), name .. " table")
	tree:add(f.len, buf(at + 16, 4)):append_text(" (" .. name .. " altogether)")
	at = at + 20
	for i = 1, count do
		if buf:len() < at + 16 then
			return at
		end
		descriptor(tree, buf(at, 16), name .. " " .. i)
		at = at + 16
	end
	return at
end

local function login_req(buf, tree, rdma)
	local at = rdma and { tag = 0, fmt = 8, flags = 10, len = 12, ids = 16, imm = 48 }
		or { tag = 8, fmt = 24, flags = 26, len = 16, ids = 32, imm = 28 }

	tree:add(f.tag, buf(at.tag, 8))
	tree:add(f.iu_len, buf(at.len, 4))
	tree:add(f.buf_fmt, buf(at.fmt, 2))
	tree:add(f.flags, buf(at.flags, 1))
	tree:add(f.imm_off, buf(at.imm, 2))
	tree:add(f.initiator, buf(at.ids, 16))
	tree:add(f.target, buf(at.ids + 16, 16))
	return ""
end

local function login_rsp(buf, tree)
	tree:add(f.req_lim, buf(4, 4))
	tree:add(f.iu_len, buf(16, 4))
	tree:add(f.ti_len, buf(20, 4))
	tree:add(f.buf_fmt, buf(24, 2))
	tree:add(f.flags, buf(26, 1))
	return string.format("request limit %d", buf(4, 4):int())
end

local function login_rej(buf, tree)
	tree:add(f.reason, buf(4, 4))
	tree:add(f.buf_fmt, buf(24, 2))
	return reasons[buf(4, 4):uint()] or "unknown reason"
end

local function cmd(buf, tree)
	local fmt, extra = buf(5, 1):uint(), math.floor(buf(31, 1):uint() / 4) * 4
	local name = cdbs[buf(32, 1):uint()] or string.format("operation 0x%02x", buf(32, 1):uint())

	tree:add(f.sol_not, buf(1, 1))
	tree:add(f.out_fmt, buf(5, 1))
	tree:add(f.in_fmt, buf(5, 1))
	tree:add(f.out_count, buf(6, 1))
	tree:add(f.in_count, buf(7, 1))
	tree:add(f.lun, buf(20, 8)):append_text(" (" .. lun_text(buf(20, 8)) .. ")")
	tree:add(f.attr, buf(29, 1))
	tree:add(f.cdb_op, buf(32, 1))
	tree:add(f.cdb, buf(32, 16))
	if extra > 0 and buf:len() >= 48 + extra then
		tree:add(f.add_cdb, buf(48, extra))
	end
	local at = descriptors(tree, buf, 48 + extra, math.floor(fmt / 16), buf(6, 1):uint(), "Data-out")
	at = descriptors(tree, buf, at, fmt % 16, buf(7, 1):uint(), "Data-in")
	if buf:len() > at then
		tree:add(f.rest, buf(at))
	end
	return name .. " LUN " .. lun_text(buf(20, 8))
end

local function tsk_mgmt(buf, tree)
	tree:add(f.sol_not, buf(1, 1))
	tree:add(f.lun, buf(20, 8)):append_text(" (" .. lun_text(buf(20, 8)) .. ")")
	tree:add(f.func, buf(30, 1))
	tree:add(f.task_tag, buf(32, 8))
	return (functions[buf(30, 1):uint()] or "unknown function") .. " LUN " .. lun_text(buf(20, 8))
end

local function rsp(buf, tree)
	local flags, sense, data = buf(18, 1):uint(), buf(28, 4):uint(), buf(32, 4):uint()
	local text = statuses[buf(19, 1):uint()] or "unknown status"

	tree:add(f.sol_not, buf(1, 1))
	tree:add(f.req_lim, buf(4, 4))
	tree:add(f.flags, buf(18, 1))
	tree:add(f.status, buf(19, 1))
	tree:add(f.out_res, buf(20, 4))
	tree:add(f.in_res, buf(24, 4))
	if flags % 2 == 1 and data >= 4 and buf:len() >= 40 then
		tree:add(f.rsp_code, buf(39, 1))
		text = rsp_codes[buf(39, 1):uint()] or "unknown response code"
	else
		data = 0
	end
	if math.floor(flags / 2) % 2 == 1 and sense > 0 and buf:len() >= 36 + data + sense then
		tree:add(f.sense, buf(36 + data, sense))
		if sense >= 14 and buf(36 + data, 1):uint() % 128 < 0x72 then
			text = text .. string.format(" %X/%02X/%02X", buf(38 + data, 1):uint() % 16,
				buf(48 + data, 1):uint(), buf(49 + data, 1):uint())
		end
	end
	return text
end

local function t_logout(buf, tree)
	tree:add(f.logout, buf(4, 4))
	return logout_reasons[buf(4, 4):uint()] or ""
end

local function cred_req(buf, tree)
	tree:add(f.req_lim, buf(4, 4))
	return string.format("%d credits", buf(4, 4):int())
end

local function aer_req(buf, tree)
	local sense = buf(28, 4):uint()

	tree:add(f.req_lim, buf(4, 4))
	tree:add(f.lun, buf(20, 8)):append_text(" (" .. lun_text(buf(20, 8)) .. ")")
	if buf:len() >= 36 + sense then
		tree:add(f.sense, buf(36, sense))
	end
	return "LUN " .. lun_text(buf(20, 8))
end

-- By opcode: least length, what shows the rest, whether it is answered, whether it is an answer.
local kinds = {
	[0x00] = { 64, login_req }, [0x01] = { 48, tsk_mgmt, true }, [0x02] = { 48, cmd, true },
	[0x03] = { 16 }, [0x41] = { 16 }, [0x42] = { 16 }, [0x80] = { 16, t_logout },
	[0x81] = { 16, cred_req }, [0x82] = { 36, aer_req }, [0xc0] = { 52, login_rsp },
	[0xc1] = { 36, rsp, false, true }, [0xc2] = { 32, login_rej },
}

local function unit(buf, tree, pinfo, key)
	local opcode = buf(0, 1):uint()
	local kind = kinds[opcode]
	local name = opcodes[opcode] or string.format("unknown opcode 0x%02x", opcode)

	tree:add(f.opcode, buf(0, 1))
	pinfo.cols.info = name
	if not kind or buf:len() < kind[1] then
		tree:add_proto_expert_info(malformed)
		tree:add(f.rest, buf)
		return
	end
	if opcode ~= 0 then
		local tag = buf(8, 8)

		tree:add(f.tag, tag)
		if kind[3] or kind[4] then
			pair_up(key .. tostring(tag:bytes()), pinfo, kind[3])
			show_pair(tree, pinfo)
		end
		pinfo.cols.info:append(" tag 0x" .. tostring(tag:bytes()):lower())
	end
	local text = kind[2] and kind[2](buf, tree) or ""
	if text ~= "" then
		pinfo.cols.info:append(": " .. text)
	end
end

function srp.dissector(tvb, pinfo, root)
	local tree = root:add(srp, tvb())

	pinfo.cols.protocol = "SRP"
	if tvb:len() <= 44 or tvb(0, 1):uint() ~= 1 then
		tree:add_proto_expert_info(malformed)
		return
	end
	tree:add(f.session, tvb(4, 4))
	tree:add(f.qpn, tvb(8, 4))
	tree:add(f.initiator, tvb(12, 16))
	tree:add(f.target, tvb(28, 16))
	local buf = tvb(44):tvb()
	if tvb(1, 1):uint() ~= 1 then
		unit(buf, tree, pinfo, tostring(tvb(4, 8):bytes()))
	elseif buf:len() >= 56 then
		pinfo.cols.info = "SRP_LOGIN_REQ (RDMA/CM form)"
		tree:add(f.opcode, buf(11, 1))
		login_req(buf, tree, true)
	else
		tree:add_proto_expert_info(malformed)
	end
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, srp)
