"""A Japanese online auction service that never was: its people, their traffic, and the logs that it would leave."""

from pipelines.synthetic.service import Generated, generate

__all__ = ["Generated", "generate"]
