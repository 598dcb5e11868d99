"""The procedures a laboratory measures with, and what their files hold.

`load_schema` reads ``procedures.yml`` in the driver; what it returns travels to the workers, which
never load the libraries that reading it takes.
"""

from __future__ import annotations

from treadle.lab.schema.load import default_schema, load_schema
from treadle.lab.schema.spec import Field, FieldType, Light, Procedure, Schema

__all__ = [
    "Field",
    "FieldType",
    "Light",
    "Procedure",
    "Schema",
    "default_schema",
    "load_schema",
]
