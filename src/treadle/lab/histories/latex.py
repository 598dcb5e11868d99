"""A table for a publication: LaTeX's tabular with the rules of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from treadle.lab.display import printable
from treadle.lab.histories.columns import Column

_ESCAPED: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    # After \\ these two are an argument of it: a row must not begin with them.
    "[": "{[}", "*": "{*}",
    # Symbols that pdfLaTeX has in mathematics alone.
    "\N{MINUS SIGN}": "$-$", "µ": r"$\mu$", "\N{GREEK SMALL LETTER MU}": r"$\mu$",
    "Ω": r"$\Omega$", "°": r"$^{\circ}$", "⁻": "$^{-}$",
    "·": r"$\cdot$", "\N{MULTIPLICATION SIGN}": r"$\times$",
    **{raised: f"$^{{{digit}}}$" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    "±": r"$\pm$", "Δ": r"$\Delta$", "τ": r"$\tau$", "β": r"$\beta$", "…": r"\ldots{}",
}  # fmt: skip
_ANY: Final = re.compile("|".join(map(re.escape, _ESCAPED)))
_POWER: Final = re.compile(r"(?P<number>.*)e(?P<sign>[+-])0*(?P<power>\d+)")


def escaped(text: str) -> str:
    """Write *text* so that LaTeX sets it as it is."""
    return _ANY.sub(lambda found: _ESCAPED[found[0]], printable(text))


def _number(cell: str) -> str:
    """Write a number as mathematics: its minus is no hyphen then, and ``e-06`` a power."""
    found = _POWER.fullmatch(cell)
    if found:
        power = found["sign"].replace("+", "") + found["power"]
        return rf"${found['number']}\times 10^{{{power}}}$"
    return f"${cell}$" if cell.startswith("-") else cell


def latex(columns: Sequence[Column]) -> str:
    """
    Write a ``tabular``, the names of the columns without their underscores and with their units.

    Args:
        columns: What is to stand in it.
    """
    sides = "".join("r" if column.is_number else "l" for column in columns)
    heads = [escaped(column.head.replace("_", " ")) for column in columns]
    cells = [
        [(_number if column.is_number else escaped)(cell) for cell in column.cells]
        for column in columns
    ]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            _row(heads),
            r"\midrule",
            *map(_row, zip(*cells, strict=True)),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
