/*
 * RDMA/CM ids and event channels as objects; devices as the CM shows them.
 *
 * Knows: life and death of an id, which context id->verbs is.
 * Does not know: messages (cm_wire.c), connection calls (cm_conn.c).
 */
#include "cm.h"
#include "simfab_step.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct sf_list ids;
	bool up;
	uint32_t next;
	struct ibv_context *ctx[SF_MAX_DEVICES];
	struct ibv_pd *pd[SF_MAX_DEVICES];
} cm;

static pthread_mutex_t cm_start_lock = PTHREAD_MUTEX_INITIALIZER;

/* Contexts stay open while the library is loaded, as in librdmacm. */
static int cm_start(void)
{
	int rc = 0;

	pthread_mutex_lock(&cm_start_lock);
	if (!cm.up) {
		rc = profile_devices() ? fab_start() : cm_err(ENODEV);
		for (int i = 0; !rc && i < profile_devices(); i++) {
			cm.ctx[i] = dev_open(dev_get(i));
			if (!cm.ctx[i])
				rc = -1;
		}
		if (!rc) {
			list_init(&cm.ids);
			cm.next = (uint32_t)fab_now() | 1;
			cm.up = true;
		}
	}
	pthread_mutex_unlock(&cm_start_lock);
	return rc;
}

void cm_forget(void)
{
	memset(&cm, 0, sizeof(cm));
	pthread_mutex_init(&cm_start_lock, NULL);
}

/* ---- channels ---- */
/* A host kept free of the kernel's connection managers: class 7 of umad is to be had then. */
bool cm_present(void)
{
	const char *s = getenv("SIMFAB_IB_CM");

	return !s || strcmp(s, "0") != 0;
}

SF_EXPORT struct rdma_event_channel *rdma_create_event_channel(void)
{
	struct cm_chan *ch;

	if (!cm_present()) {
		errno = ENODEV;
		return NULL;
	}
	if (cm_start())
		return NULL;
	ch = calloc(1, sizeof(*ch));
	if (!ch)
		return NULL;
	if (evq_init(&ch->evq)) {
		free(ch);
		return NULL;
	}
	ch->v.fd = ch->evq.fd;
	return &ch->v;
}

static void chan_destroy(struct rdma_event_channel *v)
{
	evq_fini(&chan_of(v)->evq);
	free(chan_of(v));
}

/*
 * rping closes the channel while its other thread is on the way to read it, and is lucky
 * because a close takes the kernel some time.  So it does here.
 */
SF_EXPORT void rdma_destroy_event_channel(struct rdma_event_channel *v)
{
	if (!step_on())
		usleep(1000);
	chan_destroy(v);
}

/* ---- ids ---- */
struct cm_id *cm_new(struct rdma_event_channel *ch, void *context, enum rdma_port_space ps)
{
	struct cm_id *id = calloc(1, sizeof(*id));

	if (!id)
		return NULL;
	id->v.channel = ch;
	id->v.context = context;
	id->v.ps = ps;
	id->v.qp_type = IBV_QPT_RC;
	id->handle = cm.next++;
	id->psn = (uint32_t)fab_now() & SF_PSN_MASK;
	pthread_mutex_init(&id->mut, NULL);
	pthread_cond_init(&id->cond, NULL);
	cm_timer_init(id);
	list_add_tail(&cm.ids, &id->node);
	return id;
}

void cm_free(struct cm_id *id)
{
	pthread_mutex_destroy(&id->mut);
	pthread_cond_destroy(&id->cond);
	free(id->v.route.path_rec);
	free(id->qp_init);
	free(id);
}

struct cm_id *cm_find(uint32_t handle)
{
	if (!cm.up)
		return NULL;
	list_for_each (pos, &cm.ids) {
		struct cm_id *id = sf_container(pos, struct cm_id, node);

		if (id->handle == handle)
			return id;
	}
	return NULL;
}

void cm_each(void (*fn)(struct cm_id *id, void *arg), void *arg)
{
	if (!cm.up)
		return;
	list_for_each_safe (pos, tmp, &cm.ids)
		fn(sf_container(pos, struct cm_id, node), arg);
}

/* Bind the id to a device; its default PD is made with the first id that needs it. */
int cm_set_device(struct cm_id *id, int dev)
{
	struct ibv_pd *pd = cm.pd[dev];

	if (dev_get(dev)->removed)
		return ENODEV;
	if (!pd) {
		pd = ibv_alloc_pd(cm.ctx[dev]);
		if (!pd)
			return ENOMEM;
		cm.pd[dev] = pd;
	}
	id->v.verbs = cm.ctx[dev];
	id->v.pd = pd;
	id->v.port_num = SF_PORT;
	return 0;
}

static int create(struct rdma_event_channel *ch, struct rdma_cm_id **out, void *context,
		  enum rdma_port_space ps, bool sync)
{
	struct cm_id *id;

	if (ps != RDMA_PS_TCP && ps != RDMA_PS_IB)
		return cm_err(EOPNOTSUPP);
	fab_lock();
	id = cm_new(ch, context, ps);
	fab_unlock();
	if (!id)
		return cm_err(ENOMEM);
	id->sync = sync;
	*out = &id->v;
	return 0;
}

SF_EXPORT int rdma_create_id(struct rdma_event_channel *ch, struct rdma_cm_id **out, void *context,
			     enum rdma_port_space ps)
{
	bool sync = !ch;
	int rc;

	if (cm_start())
		return -1;
	if (sync)
		ch = rdma_create_event_channel();
	if (!ch)
		return -1;
	rc = create(ch, out, context, ps, sync);
	if (rc && sync)
		chan_destroy(ch);
	return rc;
}

/* The kernel's part of a destruction: tell the peer, free the port. */
void cm_abandon(struct cm_id *id)
{
	struct cm_msg m = { 0 };

	switch (id->state) {
	case CM_REQ_SENT:
		cm_send_rej(id, CM_REJ_TIMEOUT, NULL, 0);
		break;
	case CM_REQ_RCVD:
	case CM_REP_SENT:
	case CM_REP_RCVD:
		cm_send_rej(id, CM_REJ_CONSUMER, NULL, 0);
		break;
	case CM_ESTABLISHED:
		cm_send(id, CM_DREQ, &m);
		break;
	case CM_DREQ_RCVD:
		cm_send(id, CM_DREP, &m);
		break;
	case CM_IDLE:
	case CM_BOUND:
	case CM_ADDR_QUERY:
	case CM_ADDR_RESOLVED:
	case CM_ROUTE_QUERY:
	case CM_ROUTE_RESOLVED:
	case CM_LISTEN:
	case CM_DREQ_SENT:
	case CM_TIMEWAIT:
	case CM_DEAD:
		break;
	}
	timer_cancel(&id->timer);
	node_port_release(&id->port);
	link_put(id->link);
	id->link = NULL;
	id->state = CM_DEAD;
	list_del(&id->node);
}

int cm_destroy_now(struct cm_id *id)
{
	fab_lock();
	cm_abandon(id);
	cm_events_drop(id);
	fab_unlock();
	if (id->v.event)
		rdma_ack_cm_event(id->v.event);
	async_wait_acked(&id->mut, &id->cond, &id->reported, &id->completed);
	if (id->sync)
		chan_destroy(id->v.channel);
	cm_free(id);
	return 0;
}

SF_EXPORT int rdma_destroy_id(struct rdma_cm_id *id)
{
	return cm_destroy_now(cm_of(id));
}

static bool of_id(struct sf_ev *ev, void *id)
{
	return sf_container(ev, struct cm_event, ev)->owner == id;
}

SF_EXPORT int rdma_migrate_id(struct rdma_cm_id *v, struct rdma_event_channel *ch)
{
	struct cm_id *id = cm_of(v);
	struct rdma_event_channel *old = v->channel;
	bool was_sync = id->sync, sync = !ch;
	struct sf_list moved;

	if (was_sync && !ch)
		return cm_err(EINVAL);
	if (sync)
		ch = rdma_create_event_channel();
	if (!ch)
		return -1;
	list_init(&moved);
	fab_lock();
	evq_take(&chan_of(old)->evq, &moved, of_id, id);
	list_for_each_safe (pos, tmp, &moved) {
		list_del(pos);
		evq_push(&chan_of(ch)->evq, sf_container(pos, struct sf_ev, node));
	}
	v->channel = ch;
	id->sync = sync;
	fab_unlock();
	if (was_sync && v->event) {
		rdma_ack_cm_event(v->event);
		v->event = NULL;
	}
	if (was_sync)
		chan_destroy(old);
	async_wait_acked(&id->mut, &id->cond, &id->reported, &id->completed);
	return 0;
}

/* ---- stepping ---- */
unsigned int cm_count(void)
{
	unsigned int n = 0;

	if (cm.up)
		list_for_each (pos, &cm.ids)
			n++;
	return n;
}

/* With no id left: numbers begin again. */
int cm_restart(void)
{
	int rc = cm_start();

	cm.next = 1;
	return rc;
}

SF_EXPORT bool simfab_cm_pending(struct rdma_event_channel *ch)
{
	return !list_empty(&chan_of(ch)->evq.items);
}

/* ---- devices ---- */
SF_EXPORT struct ibv_context **rdma_get_devices(int *num)
{
	struct ibv_context **list;
	int n = profile_devices();

	if (cm_start())
		return NULL;
	list = calloc((size_t)n + 1, sizeof(struct ibv_context *));
	if (!list)
		return NULL;
	memcpy(list, cm.ctx, (size_t)n * sizeof(struct ibv_context *));
	if (num)
		*num = n;
	return list;
}

SF_EXPORT void rdma_free_devices(struct ibv_context **list)
{
	free(list);
}

/* The id on @dev with the lowest handle above @after; 0 if there is none. */
uint32_t cm_next_on_device(const struct sf_dev *dev, uint32_t after)
{
	uint32_t best = 0;

	if (!cm.up)
		return 0;
	list_for_each (pos, &cm.ids) {
		struct cm_id *id = sf_container(pos, struct cm_id, node);

		if (id->v.verbs && id->v.verbs->device == &dev->v && id->handle > after &&
		    (!best || id->handle < best))
			best = id->handle;
	}
	return best;
}

void cm_tell_removal(uint32_t handle)
{
	struct cm_id *id = cm_find(handle);

	if (id)
		cm_event_simple(id, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
}

/* ---- options ---- */
static int set_flag(struct cm_id *id, bool *flag, const void *val, size_t len)
{
	if (len != sizeof(int) || id->state != CM_IDLE)
		return cm_err(EINVAL);
	*flag = *(const int *)val != 0;
	return 0;
}

SF_EXPORT int rdma_set_option(struct rdma_cm_id *v, int level, int optname, void *val, size_t len)
{
	struct cm_id *id = cm_of(v);

	if (level != RDMA_OPTION_ID)
		return cm_err(ENOSYS);
	switch (optname) {
	case RDMA_OPTION_ID_TOS:
		return len == sizeof(uint8_t) ? 0 : cm_err(EINVAL);
	case RDMA_OPTION_ID_REUSEADDR:
		return set_flag(id, &id->port.reuse, val, len);
	case RDMA_OPTION_ID_AFONLY:
		return set_flag(id, &id->port.afonly, val, len);
	case RDMA_OPTION_ID_ACK_TIMEOUT:
		if (len != sizeof(uint8_t) || *(uint8_t *)val > 31)
			return cm_err(EINVAL);
		id->ack_timeout = *(uint8_t *)val;
		return 0;
	default:
		return cm_err(ENOSYS);
	}
}
