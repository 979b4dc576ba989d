"""What the compliance desk shows, read from an opened house and never written to it."""
