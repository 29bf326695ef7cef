"""Derived inputs: what an event's addresses and user agent say, as texts for the rules.

Each is a function of the event alone, computed before the script is called. So nothing here
decides anything about a visitor. `names` lists them, `page` computes them.
"""
