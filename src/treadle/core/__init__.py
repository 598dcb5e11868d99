"""Values only: what every other part of treadle speaks in. Nothing here does I/O.

item      one input and its stable key
call      the user's function and what goes with it
outcome   how an item ended: a closed set of values
policy    what the user asked for: retry, rate, capacity, limits
events    facts about a run, in order
stats     the fold over events that every progress display shows
protocols what a backend, a sink and a listener are
context   the item that is being worked on right here
"""
