//go:build linux

// Package cache keeps values for a while.
package cache

import (
	"context"
	"errors"
	"fmt"
	mu "sync"
	_ "time/tzdata"
)

import "time"

// ErrGone says that a value was there, but is no more.
var ErrGone = errors.New("cache: gone")

const DefaultTTL = 5 * time.Minute

const (
	small Size = iota
	large
)

var (
	hits, misses int
	registry     = map[string]*Cache[string, any]{}
)

// Size is how much a cache may hold.
type Size int

type (
	// Clock tells the time.
	Clock interface {
		Now() time.Time
		fmt.Stringer
	}

	entry[V any] struct {
		value V
		until time.Time
	}
)

type Alias = Size

// Cache holds values by key.
//
// It is safe for use by several goroutines.
type Cache[K comparable, V any] struct {
	mutex   mu.Mutex
	entries map[K]entry[V]
	clock   Clock `json:"-"`
}

// New returns an empty cache.
func New[K comparable, V any](clock Clock) *Cache[K, V] {
	const room = 16
	var entries = make(map[K]entry[V], room)
	return &Cache[K, V]{entries: entries, clock: clock}
}

// Get returns the value of a key.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (value V, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	select {
	case <-ctx.Done():
		return value, ctx.Err()
	default:
	}
	found, ok := c.entries[key]
	if !ok || found.until.Before(c.clock.Now()) {
		misses++
		return value, ErrGone
	}
	hits++
	return found.value, nil
}

func (Size) String() string { return `size` }

func (s Size) Fits(n int) bool {
	fits := func(limit int) bool {
		return n <= limit
	}
	switch s {
	case small:
		return fits(100)
	case large:
		return fits(10_000)
	}
	return false
}

func init() {
	type local struct{ n int }
	registry[""] = nil
	_ = local{n: 1}
}
