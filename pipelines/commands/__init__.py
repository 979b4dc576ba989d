"""The commands of `tokumei`, by what they are about; each imports what it needs only when it runs."""
