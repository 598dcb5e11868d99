"""``python -m treadle`` is the ``treadle`` command."""

from __future__ import annotations

import sys

# Guarded: workers that start by "spawn" import the main module of their parent.
if __name__ == "__main__":
    from treadle.cli import main

    sys.exit(main())
