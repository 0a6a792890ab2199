"""Several processes, one on each host, that train one sweep together."""
