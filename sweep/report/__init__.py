"""What a person reads: charts and one self-contained page."""
