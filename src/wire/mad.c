/* SPDX-License-Identifier: BSD-2-Clause */
/* The common MAD header and ClassPortInfo, see mad.h. */
#include "wire/mad.h"

#include <string.h>

#include "base/compiler.h"
#include "wire/field.h"

#define H(name, byte, n) FIELD_BYTES(struct mad_hdr, name, byte, n)
static const struct field hdr_fields[] = {
	H(base_version, 0, 1), H(mgmt_class, 1, 1), H(class_version, 2, 1),
	H(method, 3, 1),       H(status, 4, 2),	    H(class_specific, 6, 2),
	H(tid, 8, 8),	       H(attr_id, 16, 2),   H(attr_mod, 20, 4),
};

#define C(name, byte, first, n) FIELD(struct class_port_info, name, byte, first, n)
static const struct field info_fields[] = {
	C(base_version, 0, 0, 8),     C(class_version, 1, 0, 8),   C(cap_mask, 2, 0, 16),
	C(cap_mask2, 4, 0, 27),	      C(resp_time, 7, 3, 5),	   C(redirect_gid, 8, 0, 128),
	C(redirect_tclass, 24, 0, 8), C(redirect_sl, 25, 0, 4),	   C(redirect_flow, 25, 4, 20),
	C(redirect_lid, 28, 0, 16),   C(redirect_pkey, 30, 0, 16), C(redirect_qpn, 33, 0, 24),
	C(redirect_qkey, 36, 0, 32),
};

enum mad_err mad_hdr_parse(const void *mad, size_t len, struct mad_hdr *out)
{
	if (len < MAD_HDR_LEN)
		return MAD_ERR_SHORT;
	fields_get(hdr_fields, ARRAY_SIZE(hdr_fields), mad, out);
	return MAD_OK;
}

void mad_hdr_build(uint8_t out[MAD_HDR_LEN], const struct mad_hdr *hdr)
{
	memset(out, 0, MAD_HDR_LEN);
	fields_put(hdr_fields, ARRAY_SIZE(hdr_fields), out, hdr);
}

void class_port_info_build(uint8_t out[MAD_CLASS_PORT_INFO_LEN], const struct class_port_info *info)
{
	memset(out, 0, MAD_CLASS_PORT_INFO_LEN);
	fields_put(info_fields, ARRAY_SIZE(info_fields), out, info);
}

void class_port_info_parse(const uint8_t in[MAD_CLASS_PORT_INFO_LEN], struct class_port_info *out)
{
	fields_get(info_fields, ARRAY_SIZE(info_fields), in, out);
}

const char *mad_err_name(enum mad_err err)
{
	static const char *const names[] = {
		[MAD_OK] = "no error",
		[MAD_ERR_SHORT] = "too short",
		[MAD_ERR_BASE_VERSION] = "unknown base version",
		[MAD_ERR_CLASS] = "not of this management class",
		[MAD_ERR_CLASS_VERSION] = "unknown class version",
		[MAD_ERR_METHOD] = "method that the class does not have",
		[MAD_ERR_ATTRIBUTE] = "unknown attribute",
	};

	return (size_t)err < ARRAY_SIZE(names) ? names[err] : "unknown";
}
