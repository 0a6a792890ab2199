"""Loss tables: one row a trial, whatever became of it; read, filtered, checked, written whole or not at all."""
