"""Treadle and its peers, side by side: what each costs, and what each does when things go wrong.

    run_all      every case, one table: case, treadle, best peer, ratio, target, reached
    tiny_items   no-op items: the cost of the engine itself
    uneven_items short and skewed items: how well two workers are kept busy
    arrays       large arrays in and out
    start_up     first result, import, pools back to back, warm reuse
    memory       a million items from a generator
    crash        two items that kill their worker
    timeouts     an item that sleeps or spins for ever
    interrupt    Ctrl-C, once and twice
    coroutines   many short waits on one event loop
    durability   what a record costs, and how fast a run is resumed
    lab          `treadle lab` beside two plain processes that only read and write the files
    prompts      `treadle prompts run` beside a bare loop of aiohttp, and LiteLLM

    lab_tree     the files of a laboratory: a generator
    lab_floor    those two processes, and what each part of theirs costs
    prompts_server   answers any chat after 0.2 s
    prompts_peers    the bare loop, and two ways to use LiteLLM
    peers        one small class per engine
    functions    what the workers run
    harness      fresh process per measurement, interleaving, medians, tables, result files
    child        the fresh process

Run from the root of the project: ``python -m benchmarks.run_all --help``. Engines that are not
installed are skipped with a note. Only ratios between engines of the same run mean anything:
the machine, its load and its mood are in every number.
"""
