"""Several layers in one compiled call, see ``run``."""
