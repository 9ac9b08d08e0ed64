"""Define the type of the values that a part of a page shows."""

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]
