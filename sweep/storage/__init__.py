"""Where files are kept: on this machine, or in a store such as gs:// or s3://. Below everything that reads or writes.

A place is a `Location`: a Path, or an Address in a store. What can be done there is little enough for any object store:
put an object whole, create one only if it is absent, read, ask whether a known name exists, list one folder, remove.
Nothing here renames, appends or locks in a store, and a list may be late: nothing may rest on a fresh one. What is in a
store is asked for by its known name.
"""

from sweep.storage.address import Address, Location, locate
from sweep.storage.room import blocks, create, each, listed, put, read, read_many, readable, remove, size, written
from sweep.storage.trouble import passing

__all__ = [
    "Address",
    "Location",
    "blocks",
    "create",
    "each",
    "listed",
    "locate",
    "passing",
    "put",
    "read",
    "read_many",
    "readable",
    "remove",
    "size",
    "written",
]
