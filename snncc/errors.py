# SPDX-License-Identifier: Apache-2.0
"""The exception hierarchy of snncc.

    SnnccError
    ├── ModelError                 the source or converted model is at fault
    │   ├── UnsupportedOpError     nodes that no pass can turn into synapses or neurons
    │   └── UnsupportedShapeError  a shape, rank or element type that an op does not take
    ├── OptionError                an option's value is out of its range
    ├── CalibrationError           calibration data does not fit the model
    ├── CodingError                a coding of an installed package cannot be used
    ├── BudgetError                no recipe that was tried keeps what it may cost
    ├── DataError                  evaluation data is missing, misnamed or of the wrong shape
    ├── PassError                  the network cannot be rewritten; says at which node, and what to do
    │   ├── PreconditionError
    │   └── PostconditionError
    ├── OutputError                a result cannot be written: full disk, folder missing or not writable
    └── RuntimeLibraryError        the native library is missing or does not load

A message gives cause, location (file, node, op) and remedy. Any other exception is a bug of snncc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "BudgetError",
    "CalibrationError",
    "CodingError",
    "DataError",
    "ModelError",
    "OptionError",
    "OutputError",
    "PassError",
    "PostconditionError",
    "PreconditionError",
    "RuntimeLibraryError",
    "SnnccError",
    "UnsupportedOpError",
    "UnsupportedShapeError",
    "enough_memory",
    "in_words",
]

_PLACE = re.compile(r"\(op_type:(?P<op>[^,]*), node name: (?P<name>[^)]*)\)")
_KIND = re.compile(r"\[[A-Za-z]+\] *")


def in_words(error: Exception) -> str:
    """onnx's description of an invalid graph, as op, node and reason in one line."""
    text = str(error)
    found = _PLACE.search(text)
    rest = _KIND.sub("", text[found.end() :] if found else text).lstrip(": ")
    reason = next((line.strip() for line in rest.splitlines() if line.strip()), "shapes or types differ").rstrip(".:")
    return f"{found['op']} '{found['name']}': {reason}" if found else reason


class SnnccError(Exception):
    """Base class of all errors that snncc raises deliberately."""


class ModelError(SnnccError):
    """The model cannot be read or is invalid."""


class UnsupportedOpError(ModelError):
    """Nodes that cannot be converted, all of them listed."""


class UnsupportedShapeError(ModelError):
    """A tensor whose shape, rank or element type is not supported."""


class OptionError(SnnccError, ValueError):
    """An option is out of range; also a ValueError, for library users."""


class CodingError(SnnccError):
    """A coding declared by an installed package cannot be used."""


class CalibrationError(SnnccError):
    """Calibration data that does not fit the model."""


class BudgetError(SnnccError):
    """None of the tried candidates meets the budget."""


class DataError(SnnccError):
    """Evaluation or run-time data that does not fit the model."""


class OutputError(SnnccError):
    """A file cannot be written; no partial file remains."""


class PassError(SnnccError):
    """The network cannot be rewritten; the message names the node, and the log the pass."""


class PreconditionError(PassError):
    """The graph is not what a pass requires."""


class PostconditionError(PassError):
    """The postcondition of a pass does not hold."""


class RuntimeLibraryError(SnnccError):
    """The native op library cannot be found or loaded."""


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Convert a MemoryError to a ModelError which states that `what` needs more memory; also a decorator."""
    try:
        yield
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        hint = "Is an axis of an input or of a weight longer than it should be?"
        raise ModelError(f"{what} needs more memory than there is{reason}. {hint}") from error
