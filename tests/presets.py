"""The presets that a test takes which is about the script itself, and not about their fields."""

#: One of each order: `standard` is `lean` with more fields.
ONE_OF_EACH_ORDER = ("lean", "article")
