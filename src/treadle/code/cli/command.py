"""Help whose options stand in groups: there are too many for one list."""

from __future__ import annotations

from typing import Any

import treadle.cli


class Command(treadle.cli.Command):
    """A command that lists its options by the group each was declared with."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, those without a group last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            record = each.get_help_record(ctx)
            if record is not None:
                is_argument = each.param_type_name == "argument"
                group = "Arguments" if is_argument else getattr(each, "rich_help_panel", None)
                groups.setdefault(group or "Options", []).append(record)
        rest = groups.pop("Options", [])
        for group, records in (*groups.items(), ("Options", rest)):
            with formatter.section(group):
                formatter.write_dl(records)
