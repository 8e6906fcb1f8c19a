// SPDX-License-Identifier: GPL-2.0
/*
 * isdm: says of every InfiniBand port of this host that it has a device management agent.
 *
 * srp_daemon and ibsrpdm ask only ports whose PortInfo has IsDeviceManagementSupported set. A
 * target in user space, such as srptd, answers such questions but cannot set the bit: only the
 * kernel may. This module sets it while it is loaded, and does nothing else.
 *
 * Virtual functions, and devices whose firmware keeps PortInfo to itself, refuse; the kernel log
 * then says so.
 */
#include <linux/module.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_verbs.h>

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "Only this device, e.g. mlx5_0 (all)");

static bool is_meant(struct ib_device *dev)
{
	return !device || !device[0] || !strcmp(device, dev_name(&dev->dev));
}

static int set_bit_of(struct ib_device *dev, u32 port, bool on)
{
	struct ib_port_modify change = {
		.set_port_cap_mask = on ? IB_PORT_DEVICE_MGMT_SUP : 0,
		.clr_port_cap_mask = on ? 0 : IB_PORT_DEVICE_MGMT_SUP,
	};

	return ib_modify_port(dev, port, 0, &change);
}

/* The ports whose bit was set by us; one that had it before keeps it. */
struct ports {
	DECLARE_BITMAP(ours, 256);
};

static void mark(struct ib_device *dev, u32 port, struct ports *ports)
{
	struct ib_port_attr attr;
	int ret;

	if (!rdma_cap_ib_mad(dev, port) || rdma_port_get_link_layer(dev, port) !=
					   IB_LINK_LAYER_INFINIBAND)
		return;
	ret = ib_query_port(dev, port, &attr);
	if (!ret && attr.port_cap_flags & IB_PORT_DEVICE_MGMT_SUP)
		return;
	if (!ret)
		ret = set_bit_of(dev, port, true);
	if (ret) {
		dev_warn(&dev->dev, "isdm: port %u: cannot set IsDeviceManagementSupported: %d\n",
			 port, ret);
		return;
	}
	set_bit(port, ports->ours);
	dev_info(&dev->dev, "isdm: port %u: IsDeviceManagementSupported is set\n", port);
}

static struct ib_client isdm;

static int isdm_add(struct ib_device *dev)
{
	struct ports *ports;
	u32 port;

	if (!is_meant(dev))
		return -EOPNOTSUPP;
	ports = kzalloc(sizeof(*ports), GFP_KERNEL);
	if (!ports)
		return -ENOMEM;
	rdma_for_each_port(dev, port)
		if (port < 256)
			mark(dev, port, ports);
	ib_set_client_data(dev, &isdm, ports);
	return 0;
}

static void isdm_remove(struct ib_device *dev, void *data)
{
	struct ports *ports = data;
	unsigned int port;

	for_each_set_bit(port, ports->ours, 256)
		set_bit_of(dev, port, false);
	kfree(ports);
}

static struct ib_client isdm = {
	.name = "isdm",
	.add = isdm_add,
	.remove = isdm_remove,
};

static int __init isdm_init(void)
{
	return ib_register_client(&isdm);
}

static void __exit isdm_exit(void)
{
	ib_unregister_client(&isdm);
}

module_init(isdm_init);
module_exit(isdm_exit);
MODULE_DESCRIPTION("Sets IsDeviceManagementSupported on InfiniBand ports");
MODULE_LICENSE("GPL v2");
