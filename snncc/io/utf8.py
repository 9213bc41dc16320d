# SPDX-License-Identifier: Apache-2.0
"""Find text in a model that is not UTF-8; protobuf 7 returns it as bytes instead of str."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from snncc.errors import ModelError

__all__ = ["require_utf8"]

_WEIGHT_TEXT = ("name", "doc_string", "external_data")  # the other fields of a weight may be large, and hold no text


def require_utf8(model: onnx.ModelProto, where: str) -> None:
    """Raise ModelError for the first name, op type, attribute or other text of `model` that is not UTF-8."""
    found = next(_faults(model, "model"), None)
    if found is not None:
        place, value = found
        message = f"{where}: damaged: {place} is no UTF-8 text but the bytes {value[:40]!r}"
        raise ModelError(f"{message}. Export the model again, or download it again.")


def _faults(message: Message, place: str) -> Iterator[tuple[str, bytes]]:
    """(where, value) of each text below `message`."""
    for field, value in message.ListFields():
        if isinstance(message, onnx.TensorProto) and field.name not in _WEIGHT_TEXT:
            continue
        several = value if _is_list(value) else (value,)
        for index, one in enumerate(several):
            here = f"{place}.{field.name}" + (f"[{index}]" if _is_list(value) else "")
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                yield from _faults(one, here)
            elif isinstance(one, bytes) and not _is_text(one):
                yield here, one


def _is_list(value: object) -> bool:
    return not isinstance(value, Message | str | bytes | int | float)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
