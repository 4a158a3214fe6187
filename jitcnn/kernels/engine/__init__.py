"""The fast algorithms, and the plan that chooses among them."""
