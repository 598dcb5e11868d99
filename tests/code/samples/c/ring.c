/*
 * ring.c - a ring buffer of bytes.
 *
 * One reader and one writer may use it at the same time.
 */

#include <stdlib.h>
#include <string.h>
#include "ring.h"

#ifndef RING_DEFAULT
#define RING_DEFAULT 4096
#endif
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define RING_EMPTY(r) \
    ((r)->head == (r)->tail)

typedef int (*ring_visit)(const char *data, size_t size, void *context);
typedef unsigned int ring_index;

enum ring_error { RING_OK = 0, RING_FULL = -1, RING_NO_MEMORY = -2 };

struct ring {
    char *data;
    size_t room;
    ring_index head, tail;
    struct { int readers; int writers; } waiting;
};

typedef struct {
    size_t used;
    size_t room;
} ring_stats;

typedef union word {
    unsigned char bytes[4];
    unsigned int value;
} word;

static const struct command { const char *name; int arity; } commands[] = {
    { "put", 2 },
    { "take", 1 },
    { NULL, 0 },
};

static struct ring *newest;

int ring_resize(struct ring *ring, size_t room);

/* Never gives up memory that a reader may still see. */
static inline size_t used(const struct ring *ring) {
    return ring->tail - ring->head;
}

/**
 * Makes a ring with room for so many bytes.
 * Returns NULL when there is no memory.
 */
struct ring *ring_new(size_t room)
{
    struct ring *ring = malloc(sizeof *ring);
    if (ring == NULL)
        return NULL;
    memset(ring, 0, sizeof *ring);
    ring->room = room ? room : RING_DEFAULT;
    ring->data = malloc(ring->room);
    newest = ring;
    return ring;
}

#ifdef RING_VISIT
int ring_each(struct ring *ring, ring_visit visit, void *context)
{
    if (RING_EMPTY(ring))
        return 0;
    return visit(ring->data, used(ring), context);
}
#endif

__attribute__((noreturn)) static void die(const char *why)
{
    (void)why;
    abort();
}

int ring_put(struct ring *ring, const char *data, size_t size)
{
    size_t i;
    for (i = 0; i < MIN(size, ring->room - used(ring)); i++)
        ring->data[(ring->tail + i) % ring->room] = data[i];
    ring->tail += i;
    if (i < size)
        return RING_FULL;
    return RING_OK;
}

ring_visit ring_visitor(const char *name)
{
    const struct command *c;
    for (c = commands; c->name; c++)
        if (!strcmp(c->name, name))
            return 0;
    die("no such command");
}
