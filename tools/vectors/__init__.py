"""The generator of the conformance vectors; lua/vectors/README.md describes their format.

What a call gets stands here, a module per file of vectors; what it must answer is computed by the
oracles in tests/oracles, which share no code with the script, or stands here too, where the oracles
do not model a case. Nothing is taken from the script's own answers.
"""
