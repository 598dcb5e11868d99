"""Run the cells of a notebook, given as JSON on standard input; print their outputs as JSON."""

from __future__ import annotations

import json
import sys

import nbformat
from nbclient import NotebookClient

cells = [nbformat.v4.new_code_cell(source) for source in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=30, kernel_name="python3").execute()
outputs = [
    {
        "stdout": "".join(out.text for out in cell.outputs if out.get("name") == "stdout"),
        "stderr": "".join(out.text for out in cell.outputs if out.get("name") == "stderr"),
        "result": next(
            (out.data["text/plain"] for out in cell.outputs if out.output_type == "execute_result"),
            None,
        ),
    }
    for cell in notebook.cells
]
print(json.dumps(outputs))
