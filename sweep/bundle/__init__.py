"""What a reader of a result needs to check it, in one file; and the check: fits repeated, a trial trained again."""
