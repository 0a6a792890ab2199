"""A worker: a supervisor without JAX, and the process that trains, which it starts and starts anew."""
