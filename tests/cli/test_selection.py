"""--limit and --shuffle choose items and leave their keys alone."""

from __future__ import annotations

from itertools import count

from treadle.cli.selection import Limited, Shuffled


class Letters:
    def __iter__(self):
        return iter("abcdefgh")

    def __len__(self):
        return 8

    def key(self, value, index):
        return f"{value}-{index}"


def keys(source):
    return [source.key(value, index) for index, value in enumerate(source)]


def test_a_limit_takes_the_first_items_and_reads_no_further():
    numbers = count()
    assert list(Limited(numbers, 3)) == [0, 1, 2]
    assert next(numbers) == 3


def test_keys_survive():
    assert keys(Limited(Letters(), 2)) == ["a-0", "b-1"]
    shuffled = Shuffled(Letters(), seed=1)
    assert sorted(keys(shuffled)) == keys(Letters())
    assert keys(shuffled) != keys(Letters())


def test_positions_are_the_keys_of_what_has_none():
    assert sorted(keys(Shuffled("abc", seed=1))) == [0, 1, 2]


def test_a_seed_gives_the_same_order_again_and_another_one_another():
    assert keys(Shuffled(Letters(), 1)) == keys(Shuffled(Letters(), 1))
    assert keys(Shuffled(Letters(), 1)) != keys(Shuffled(Letters(), 2))
