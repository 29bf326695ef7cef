"""Passwords of servers that live for a test.

All have one core of letters and digits, which is found in whatever form a password is printed:
percent-encoded, escaped, in a URL. Around it are characters that URLs, shells and properties files
trip over.
"""

CORE = "hidden5ecret"

KAFKA = f"{CORE}/%+:@ kafka"
REDIS = f"{CORE}/%+:@redis"
SENTINEL = f"{CORE}/%+:@sentinel"
KEY = f"{CORE}-of-a-key"
#: Of the read service; such a token has letters and digits alone.
TOKEN = CORE * 3
WRONG = f"{CORE}-wrong"
