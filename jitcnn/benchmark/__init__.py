"""Measuring: that implementations agree, how long they take, what the machine can do, and what a baseline takes."""
