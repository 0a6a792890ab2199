"""Sweeps to run: one file each, opening with what it shows, the figures to expect, the time and the hardware."""
