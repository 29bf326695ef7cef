"""Small faults are put into copies of the tree, to see which of them the tests notice.

    python -m tools.mutants --seed 1 --count 60

Why this is not a library: docs/adr/0028-own-mutants.md.
"""
