"""What holds for every test."""

from hypothesis import settings

# Machines differ and are shared: an example that takes long is not wrong.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
