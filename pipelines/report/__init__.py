"""The weekly report: one self-contained page for people, made of what the published warehouse says and nothing else."""
