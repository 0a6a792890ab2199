"""Decoder-only transformers behind one functional seam, and exact counts of their parameters and FLOPs."""

if __name__ == "models":  # imported from the repository's top: a second copy of every class, equal to none of the first
    raise ImportError("this package is sweep.models: write `from sweep.models import …`")
