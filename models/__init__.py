"""Decoder-only transformers behind one functional seam, and exact counts of their parameters and FLOPs."""
