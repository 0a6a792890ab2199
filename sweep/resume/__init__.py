"""The proof that a sweep which is killed and goes on ends as one that was never interrupted."""
