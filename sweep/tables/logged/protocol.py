"""The few messages of TensorBoard and W&B that are read here, for Google's protobuf runtime.

Only the fields that are used, by the numbers of tensorflow/core/util/event.proto, .../framework/summary.proto and
tensor.proto, and of wandb/proto/wandb_internal.proto; the runtime skips the others. The packages that ship whole
definitions (tensorboard, wandb) bring a web server and a service with them.
"""

import functools
from typing import Any

Field = tuple[str, int, str]  # name, number, kind: a scalar of protobuf, or a message; repeated with a * in front
MESSAGES: dict[str, list[Field]] = {
    "Tensor": [
        ("dtype", 1, "int32"), ("content", 4, "bytes"), ("floats", 5, "*float"), ("doubles", 6, "*double"),
        ("ints", 7, "*int32"), ("longs", 10, "*int64"),
    ],
    "Plugin": [("name", 1, "string")],
    "Metadata": [("plugin", 1, "Plugin")],
    "Value": [("tag", 1, "string"), ("number", 2, "float"), ("tensor", 8, "Tensor"), ("metadata", 9, "Metadata")],
    "Summary": [("value", 1, "*Value")],
    "Event": [("time", 1, "double"), ("step", 2, "int64"), ("version", 3, "string"), ("summary", 5, "Summary")],
    "Item": [("key", 1, "string"), ("nested", 2, "*string"), ("value", 16, "string")],
    "Step": [("number", 1, "int64")],
    "History": [("item", 1, "*Item"), ("step", 2, "Step")],
    "Changes": [("update", 1, "*Item"), ("remove", 2, "*Item")],
    "Run": [("id", 1, "string"), ("config", 4, "Changes"), ("job", 7, "string"), ("name", 8, "string")],
    "Exit": [("code", 1, "int32")],
    "Record": [
        ("history", 2, "History"), ("summary", 3, "Changes"), ("config", 5, "Changes"), ("run", 17, "Run"),
        ("exit", 18, "Exit"),
    ],
}  # fmt: skip
PACKAGE = "sweep_logged"


@functools.cache
def message(name: str) -> Any:
    """The class of a message."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@functools.cache
def pool() -> Any:
    """The descriptors, made of MESSAGES."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in MESSAGES.items():
        made = file.message_type.add(name=name)
        for label, number, kind in fields:
            one = made.field.add(name=label, number=number, label=3 if kind.startswith("*") else 1)
            kind = kind.lstrip("*")
            one.type = kinds.TYPE_MESSAGE if kind in MESSAGES else kinds.Type.Value(f"TYPE_{kind.upper()}")
            if kind in MESSAGES:
                one.type_name = f".{PACKAGE}.{kind}"
    found = descriptor_pool.DescriptorPool()
    found.Add(file)
    return found


def parsed(name: str, data: bytes) -> Any | None:
    """A message, or None where the bytes are none."""
    from google.protobuf.message import DecodeError

    try:
        return message(name).FromString(data)
    except DecodeError:
        return None
