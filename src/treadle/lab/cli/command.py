"""What all commands of ``treadle lab`` have in common."""

from __future__ import annotations

from typing import Any

import treadle.cli
from treadle.lab.extra import check_extra


class Command(treadle.cli.Command):
    """A command that says what to install when a library is missing. Its help needs none."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        check_extra()
        return super().invoke(ctx)
