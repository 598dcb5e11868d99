"""Name the function of the user's that raised what would else look like a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from treadle.core.failures import in_words, is_ctrl_c
from treadle.errors import UsageError


@contextmanager
def blamed_on(culprit: str, *, hint: str) -> Iterator[None]:
    """
    Turn what the block raises into an error that names *culprit*; Ctrl-C stays what it is.

    Args:
        culprit: What the block calls, such as ``"the predicate given as Retry(on=...)"``.
        hint: What it should do.

    Raises:
        UsageError: The block raised.
    """
    try:
        yield
    except UsageError:
        raise
    except BaseException as error:
        if is_ctrl_c(error):
            raise
        raise UsageError(f"{culprit} raised {in_words(error)}", hint=hint) from error
