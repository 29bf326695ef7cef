"""The conformance vectors: their arguments, and the answers that the oracles give.

A module per file of vectors says what a call gets. What the call must answer is computed by the
oracles in tests/oracles, which share no code with the script. Where the oracles do not model a
case, the answer stands here too. Nothing is taken from the script's own answers.
"""
