"""Benchmarks: agreement and timing of the implementations, machine limits, and comparisons with torch and C."""
