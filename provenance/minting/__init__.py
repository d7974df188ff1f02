"""The supplier's side, offline: a batch of secrets becomes keys, tree and files. Nothing here reads a network or a clock."""

FEW = 1000
"""Fewer rows than this go through `core`: loading numba takes as long (0.5 s, or 8 s where nothing is compiled yet)."""
