"""Proof of deletion: an independent scan and signed certificates, sharing no code with what deletes."""
