"""The fast algorithms, and the plan that selects one."""
