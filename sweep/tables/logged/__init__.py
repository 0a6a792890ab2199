"""Runs as loggers leave them: TensorBoard event files, W&B runs on disk, on its server or exported, to a loss table."""
