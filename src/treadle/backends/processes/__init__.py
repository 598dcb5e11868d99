"""Worker processes that share nothing, watched over by a nursery.

      driver                                      nursery (one per driver)
      ┌───────────────────────┐   start, kill    ┌──────────────────────┐
      │ backend ── seat ──────│─────────────────▶│ forks or spawns,     │
      │              │        │◀─────────────────│ reaps, and kills all │
      └──────────────│────────┘   exit status    │ when the driver dies │
         channel ▲▼  │ tokens ▼                  └──────────┬───────────┘
      ┌──────────────│────────┐                             │
      │ worker: clean interpreter, private channel, own stdio ◀
      └───────────────────────┘

    backend    the ``Backend``: who gets which items, and what follows when a worker dies
    pace       how many items make a batch
    seat       the driver's side of one worker: its channel, its batches, its slot
    results    what a worker sent, as outcomes; deaths: what its end means
    worker     the process itself: claims items and runs them; outgoing: sends what came of them
    stdio      what calls print, with the key of their item; logs: what they log
    nursery    the process that starts and reaps workers; launcher is its driver side
    wire       frames on the channel
    packing    values to bytes and back; large buffers through segments
    segments   anonymous shared memory: no name, so nothing is left behind
    slot       which item a worker is on, and since when
    loader     loads results that may run user code, away from the loop

An item at a worker is either *queued* or *claimed*. For every item the driver sends one token; the
worker takes a token before it begins an item, and the driver takes tokens back to re-assign items
that have not begun. The kernel hands each token to exactly one of them, so no item can run twice,
however long its neighbour takes.
"""
