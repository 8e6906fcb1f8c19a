/*
 * Protection domains, memory regions, address handles.
 *
 * Knows: keys, bounds, access flags, and which PD a region belongs to.
 * Does not know: what is copied through them.
 *
 * A key is (table index, 8 bit tag).  The index starts somewhere random per process,
 * the tag changes with reuse, and its top bit parts rkeys from lkeys: a key of another
 * region, process or kind is refused, not accepted by luck.
 */
#include "simfab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAG_RKEY 0x80u
#define TAG_MASK 0x7fu
#define KEY_ACCESS                                                                   \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | \
	 IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_MW_BIND | IBV_ACCESS_ZERO_BASED |     \
	 IBV_ACCESS_ON_DEMAND | IBV_ACCESS_HUGETLB | IBV_ACCESS_RELAXED_ORDERING)

static struct {
	struct sf_mr **mr;
	uint8_t *tag;
	uint32_t size, next, base;
} keys;

static struct sf_ctx *ctx_of(struct ibv_context *v)
{
	return sf_container(v, struct sf_ctx, v);
}

static struct sf_pd *pd_of(struct ibv_pd *v)
{
	return sf_container(v, struct sf_pd, v);
}

SF_EXPORT struct ibv_pd *ibv_alloc_pd(struct ibv_context *context)
{
	struct sf_pd *pd;

	if (dev_dead(context)) {
		errno = EIO;
		return NULL;
	}
	pd = calloc(1, sizeof(*pd));
	if (!pd)
		return NULL;
	pd->v.context = context;
	return &pd->v;
}

SF_EXPORT int ibv_dealloc_pd(struct ibv_pd *v)
{
	struct sf_pd *pd = pd_of(v);
	bool busy;

	fab_lock();
	busy = pd->users != 0;
	fab_unlock();
	if (busy)
		return EBUSY;
	free(pd);
	return 0;
}

/* ---- keys ---- */
static int keys_grow(void)
{
	uint32_t size = keys.size ? keys.size * 2 : 256;
	struct sf_mr **mr = realloc(keys.mr, size * sizeof(*mr));
	uint8_t *tag;

	if (!mr)
		return -1;
	keys.mr = mr;
	tag = realloc(keys.tag, size);
	if (!tag)
		return -1;
	keys.tag = tag;
	memset(mr + keys.size, 0, (size - keys.size) * sizeof(*mr));
	memset(tag + keys.size, 0, size - keys.size);
	if (!keys.size)
		keys.base = (uint32_t)(fab_now() * 2654435761u) & 0x3fffff;
	keys.size = size;
	return 0;
}

/* A free index, taken round robin so that a stale key stays stale for long. */
static int64_t key_alloc(void)
{
	for (uint32_t n = 0; n < keys.size; n++) {
		uint32_t i = (keys.next + n) % keys.size;

		if (!keys.mr[i]) {
			keys.next = i + 1;
			return i;
		}
	}
	keys.next = keys.size;
	return keys_grow() ? -1 : (int64_t)keys.next++;
}

static struct sf_mr *key_find(uint32_t key)
{
	uint32_t i = (key >> 8) - keys.base;

	if (i >= keys.size || !keys.mr[i] || keys.tag[i] != (key & TAG_MASK))
		return NULL;
	return keys.mr[i];
}

static bool inside(const struct sf_mr *mr, uint64_t addr, uint64_t len)
{
	return addr >= mr->iova && len <= mr->v.length && addr - mr->iova <= mr->v.length - len;
}

static struct sf_mr *allowed(struct sf_mr *mr, const struct sf_pd *pd, uint64_t addr, uint64_t len,
			     unsigned int need)
{
	if (!mr || mr->v.pd != &pd->v || (mr->access & need) != need || !inside(mr, addr, len))
		return NULL;
	return mr;
}

struct sf_mr *mr_lkey(const struct sf_pd *pd, uint32_t lkey, uint64_t addr, uint64_t len,
		      unsigned int need)
{
	return lkey & TAG_RKEY ? NULL : allowed(key_find(lkey), pd, addr, len, need);
}

struct sf_mr *mr_rkey(const struct sf_pd *pd, uint32_t rkey, uint64_t addr, uint64_t len,
		      unsigned int need)
{
	return rkey & TAG_RKEY ? allowed(key_find(rkey), pd, addr, len, need) : NULL;
}

unsigned int mr_count(void)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < keys.size; i++)
		n += keys.mr[i] != NULL;
	return n;
}

/* ---- registration ---- */
static bool mapped(const void *addr, size_t length)
{
	unsigned char vec[4096];
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)addr & ~(page - 1);
	uintptr_t to = (uintptr_t)addr + length;

	if (to < from)
		return false;
	for (; from < to; from += sizeof(vec) * page) {
		uintptr_t n = to - from;

		if (n > sizeof(vec) * page)
			n = sizeof(vec) * page;
		if (mincore((void *)from, n, vec))
			return false;
	}
	return true;
}

static int reg_check(const struct ibv_pd *pd, const void *addr, size_t length, unsigned int access)
{
	if (pd && dev_dead(pd->context))
		return EIO;
	if (!pd || !length || (access & ~(unsigned int)KEY_ACCESS & ~IBV_ACCESS_OPTIONAL_RANGE))
		return EINVAL;
	/* IBA 10.6.3.1: remote write or atomic needs local write */
	if ((access & (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)) &&
	    !(access & IBV_ACCESS_LOCAL_WRITE))
		return EINVAL;
	if (access & (IBV_ACCESS_ON_DEMAND | IBV_ACCESS_MW_BIND))
		return EOPNOTSUPP;
	return mapped(addr, length) ? 0 : EFAULT;
}

static int mr_insert(struct sf_mr *mr)
{
	int64_t i;

	fab_lock();
	i = key_alloc();
	if (i >= 0) {
		keys.mr[i] = mr;
		keys.tag[i] = (uint8_t)((keys.tag[i] + 1) & TAG_MASK);
		mr->v.lkey = (((uint32_t)i + keys.base) << 8) | keys.tag[i];
		mr->v.rkey = mr->v.lkey | TAG_RKEY;
		mr->v.handle = (uint32_t)i;
		pd_of(mr->v.pd)->users++;
	}
	fab_unlock();
	return i < 0 ? ENOMEM : 0;
}

static struct ibv_mr *reg(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
			  unsigned int access)
{
	int rc = reg_check(pd, addr, length, access);
	struct sf_mr *mr = rc ? NULL : calloc(1, sizeof(*mr));

	if (!rc && !mr)
		rc = ENOMEM;
	if (!rc) {
		mr->v = (struct ibv_mr){
			.context = pd->context, .pd = pd, .addr = addr, .length = length
		};
		mr->iova = access & IBV_ACCESS_ZERO_BASED ? 0 : iova;
		mr->access = access;
		rc = mr_insert(mr);
	}
	if (rc) {
		free(mr);
		errno = rc;
		return NULL;
	}
	return &mr->v;
}

SF_EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access)
{
	return reg(pd, addr, length, (uintptr_t)addr, (unsigned int)access);
}

SF_EXPORT struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr, size_t length,
					 uint64_t iova, int access)
{
	return reg(pd, addr, length, iova, (unsigned int)access);
}

SF_EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length,
					  uint64_t iova, unsigned int access)
{
	return reg(pd, addr, length, iova, access);
}

SF_EXPORT struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset, size_t length,
					   uint64_t iova, int fd, int access)
{
	(void)pd, (void)offset, (void)length, (void)iova, (void)fd, (void)access;
	errno = EOPNOTSUPP;
	return NULL;
}

SF_EXPORT int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr,
			   size_t length, int access)
{
	(void)mr, (void)flags, (void)pd, (void)addr, (void)length, (void)access;
	errno = EOPNOTSUPP;
	return IBV_REREG_MR_ERR_INPUT;
}

SF_EXPORT int ibv_dereg_mr(struct ibv_mr *v)
{
	struct sf_mr *mr = sf_container(v, struct sf_mr, v);

	fab_lock();
	if (v->handle >= keys.size || keys.mr[v->handle] != mr) {
		fab_unlock();
		return EINVAL;
	}
	keys.mr[v->handle] = NULL;
	pd_of(v->pd)->users--;
	fab_unlock();
	free(mr);
	return 0;
}

/* ---- address handles: no UD here, but programs may make them ---- */
SF_EXPORT struct ibv_ah *ibv_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr)
{
	struct ibv_ah *ah = NULL;

	if (attr->port_num != SF_PORT ||
	    (!attr->is_global && !ctx_of(pd->context)->dev->prof->iwarp))
		errno = EINVAL;
	else
		ah = calloc(1, sizeof(*ah));
	if (!ah)
		return NULL;
	ah->context = pd->context;
	ah->pd = pd;
	fab_lock();
	pd_of(pd)->users++;
	fab_unlock();
	return ah;
}

SF_EXPORT int ibv_destroy_ah(struct ibv_ah *ah)
{
	fab_lock();
	pd_of(ah->pd)->users--;
	fab_unlock();
	free(ah);
	return 0;
}

SF_EXPORT int ibv_init_ah_from_wc(struct ibv_context *context, uint8_t port, struct ibv_wc *wc,
				  struct ibv_grh *grh, struct ibv_ah_attr *attr)
{
	(void)context, (void)port, (void)wc, (void)grh, (void)attr;
	errno = EOPNOTSUPP;
	return -1;
}

SF_EXPORT struct ibv_ah *ibv_create_ah_from_wc(struct ibv_pd *pd, struct ibv_wc *wc,
					       struct ibv_grh *grh, uint8_t port)
{
	(void)pd, (void)wc, (void)grh, (void)port;
	errno = EOPNOTSUPP;
	return NULL;
}
