"""The engine: what decides, and the one loop that acts on the decisions.

reader ──items──▶ machine ──orders──▶ dispatcher ──▶ backend
▲                     │
└──────reports────────┘──▶ outlet ──▶ consumer

machine     decides what to start, retry, time out and settle; pure
stimuli     what the machine may be told, and what it may order
dispatcher  the one loop: turns reports into stimuli and orders into deeds
stage       one run on a dispatcher: its machine, reader, outlet and listeners
reader      reads the source in a thread of its own, as far as it is allowed to
outlet      hands outcomes to the consumer and counts what it took
"""
