"""Measurements side by side with peers; `bash benchmarks/gpu.sh` runs them all."""
