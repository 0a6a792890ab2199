"""Text in, token shards out, and the order in which a trial sees them."""
