"""The verbs of the command line, one module each: they compose the packages and print; they compute nothing."""
