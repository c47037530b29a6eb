"""Measurements: `python -m benchmarks [NAME ...]`. What each measures and what was seen is in README.md.

The machine is shared and its speed wanders, so what is compared is measured in turns, A B B A ..., and judged by the
median of the ratios between neighbours.
"""
