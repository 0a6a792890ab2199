"""Compiling ahead: the real programs of a sweep, by the real compilers, for devices that are not here."""
