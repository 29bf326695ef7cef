"""Host, path and parameters of addresses, also of hostile ones."""

from collections.abc import Iterator

from tools.vectors.derived.builders import Vector, vector

#: name, address, host, path
ADDRESSES = (
    ("plain", "https://shop.example/tents/2", "shop.example", "/tents/2"),
    ("upper-case", "HTTPS://Shop.EXAMPLE/Tents", "shop.example", "/Tents"),
    ("no-path", "https://shop.example", "shop.example", "/"),
    ("no-path-but-a-query", "https://shop.example?a=1", "shop.example", "/"),
    ("no-path-but-a-fragment", "https://shop.example#a", "shop.example", "/"),
    ("port", "http://localhost:3000/a", "localhost", "/a"),
    ("www-stays", "https://www.shop.example/", "www.shop.example", "/"),
    ("last-dot", "https://shop.example./a", "shop.example", "/a"),
    ("two-last-dots", "https://shop.example../a", "", "/a"),
    ("user-and-password", "https://user:p%40ss@shop.example:8443/a", "shop.example", "/a"),
    ("another-host-as-user", "https://www.google.com@evil.example/", "evil.example", "/"),
    ("two-at-signs", "https://a@b@shop.example/", "shop.example", "/"),
    ("at-sign-in-the-path", "https://shop.example/a@b", "shop.example", "/a@b"),
    ("at-sign-in-the-query", "https://shop.example?x=@evil.example", "shop.example", "/"),
    ("backslashes", "https:\\\\evil.example\\@shop.example/", "evil.example", "\\@shop.example/"),
    ("fragment-with-a-query", "https://shop.example/a#b?c=1", "shop.example", "/a"),
    ("path-stays-encoded", "https://shop.example/a%2Fb%20c/", "shop.example", "/a%2Fb%20c/"),
    ("path-of-other-letters", "https://shop.example/zelte/größe", "shop.example", "/zelte/größe"),
    ("without-a-scheme", "//shop.example/a", "shop.example", "/a"),
    ("path-alone", "/tents?a=1", "", "/tents"),
    ("query-alone", "?a=1", "", "/"),
    ("host-alone", "shop.example/a", "", ""),
    ("blanks-around", "  https://shop.example/a\n", "shop.example", "/a"),
    ("line-breaks-inside", "ht\ntps://shop\t.example/a", "shop.example", "/a"),
    ("international", "https://Müller.example/", "xn--mller-kva.example", "/"),
    ("international-encoded", "https://xn--mller-kva.example/", "xn--mller-kva.example", "/"),
    ("sharp-s-stays", "https://straße.example/", "xn--strae-oqa.example", "/"),
    ("other-dots", "https://日本。example/", "xn--wgv71a.example", "/"),
    ("wide-letters", "https://\uff53\uff48\uff4f\uff50.example/", "shop.example", "/"),
    ("address-of-4", "http://192.0.2.7:8080/a", "192.0.2.7", "/a"),
    ("address-of-6", "http://[2001:DB8::7]:8080/a", "[2001:db8::7]", "/a"),
    ("address-of-6-unfinished", "http://[2001:db8::7/a", "", "/a"),
    ("blank-in-the-host", "https://shop example/a", "", "/a"),
    ("percent-in-the-host", "https://shop%2eexample/a", "", "/a"),
    ("empty-label", "https://shop..example/a", "", "/a"),
    ("no-host", "https:///a", "", "/a"),
    ("label-too-long", f"https://{'a' * 64}.example/a", "", "/a"),
    ("host-too-long", f"https://{'a.' * 130}example/a", "", "/a"),
    ("app-of-android", "android-app://com.google.android.gm/", "com.google.android.gm", "/"),
    ("file", "file:///home/a.html", "", ""),
    ("script", "javascript:alert(1)//shop.example/", "", ""),
    ("data", "data:text/html,https://shop.example/", "", ""),
    ("about", "about:blank", "", ""),
    ("no-address", "undefined", "", ""),
    ("absent", "", "", ""),
)

#: name, query, value of the parameter ``q``
QUERIES = (
    ("parameter", "?q=tent", "tent"),
    ("no-parameter", "?p=1", ""),
    ("parameter-without-value", "?q", ""),
    ("parameter-name-in-upper-case", "?Q=tent", "tent"),
    ("parameter-name-as-it-is-wanted-first", "?Q=one&q=two", "two"),
    ("parameter-name-encoded", "?%71=tent", "tent"),
    ("repeated-parameter", "?q=first&q=second", "first"),
    ("repeated-parameter-first-empty", "?q=&q=second", ""),
    ("plus-is-a-blank", "?q=two+person+tent", "two person tent"),
    ("encoded-plus-stays", "?q=c%2B%2B", "c++"),
    ("percent-encoding", "?q=gr%C3%B6%C3%9Fe", "größe"),
    ("decoded-once", "?q=100%2525", "100%25"),
    ("no-encoding", "?q=größe", "größe"),
    ("broken-encoding-stays", "?q=100%&r=%zz", "100%"),
    ("no-utf-8", "?q=gr%F6sse", "gr\ufffdsse"),
    ("encoded-surrogate", "?q=%ED%A0%80", "\ufffd\ufffd\ufffd"),
    ("equals-sign-in-value", "?q=a=b", "a=b"),
    ("question-mark-in-value", "?q=a?b", "a?b"),
    ("encoded-ampersand", "?q=a%26b&c=1", "a&b"),
    ("blanks-around-a-value", "?q=+tent%20", "tent"),
    ("empty-parameters", "?&&=&q=tent&", "tent"),
    ("not-behind-the-fragment", "?p=1#?q=tent", ""),
    ("fragment-is-no-value", "?q=tent#top", "tent"),
    ("parameter-too-far-behind", "?" + "a=1&" * 256 + "q=tent", ""),
)


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for name, url, host, path in ADDRESSES:
        why = "Host and path are what a browser takes them for; what is no address is empty."
        yield vector(f"address-{name}", why, url=url, host=host, path=path)
    for name, query, value in QUERIES:
        why = "A parameter's value is decoded once; of a repeated one the first counts."
        yield vector(f"query-{name}", why, url=f"https://shop.example/{query}", query__q=value)
    yield vector(
        "query-names-in-any-case",
        "A rule may write a parameter's name in any case, too.",
        url="https://shop.example/?orderid=7",
        query__OrderId="7",
    )
