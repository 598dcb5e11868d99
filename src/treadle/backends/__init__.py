"""Where calls run: each backend is a handful of verbs (``core.protocols.Backend``).

inline      in the caller's thread, one at a time; for debugging
threads     in threads of this process
coroutines  on an event loop in a thread of its own
processes   in worker processes that share nothing
"""
