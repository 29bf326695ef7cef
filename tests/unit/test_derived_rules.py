"""Rules that use derived inputs: what is refused, and what the contract says."""

import sys
from subprocess import run

import pytest

from profiler.errors import ConfigError
from profiler.profiles.packing import Packer
from profiler.records.types import FlatEvent
from profiler.rules.contract import contract_json
from profiler.rules.model import load_rules, parse_rules
from profiler.rules.render import render
from tests.presets import ONE_OF_EACH_ORDER
from tests.unit.findings import without_columns

RULES = """\
name = "shop"
order = "event_time"

[identity]
visitor = "user"
visit = "session"

[derived]
url = "page_url"
referrer = "page_referrer"
user_agent = "agent"
internal = ["Müller.example"]

[derived.sources]
social = ["Forum.example"]

[[derived.channels]]
name = "Newsletter"
source = ["news*"]

[predicates]
bot = [{ field = "derived.bot", present = true }]

[visit]
bounce = "visit_events"

[[fields]]
name = "visit_channel"
scope = "visit"
operation = "first"
value = "derived.channel"

[[fields]]
name = "visit_spent"
scope = "visit"
operation = "sum"
value = "derived.query.Spent"

[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"

[[fields]]
name = "visit_bot_events"
scope = "visit"
operation = "count"
when = "bot"

[[fields]]
name = "visit_page"
scope = "visit"
operation = "last"
value = "title"

[[fields]]
name = "visit_a_page"
scope = "visit"
operation = "last"
value = "a_page"
"""


def test_derived_inputs_stand_among_the_fields() -> None:
    rules = parse_rules(RULES, "shop.toml")

    derived = ["derived.bot", "derived.channel", "derived.query.Spent"]
    assert rules.derived_inputs == derived
    assert rules.inputs == ["a_page", *derived, "title"]


def test_the_contract_says_what_a_derived_input_reads() -> None:
    document = contract_json(parse_rules(RULES, "shop.toml"), "", "")

    assert document["derived"] == [
        {
            "name": "derived.bot",
            "reads": ["agent"],
            "meaning": "class of bot or crawler; empty for all others",
        },
        {
            "name": "derived.channel",
            "reads": ["page_url", "page_referrer"],
            "meaning": "the channel, by the first rule that matches",
        },
        {
            "name": "derived.query.Spent",
            "reads": ["page_url"],
            "meaning": "this parameter of the page's address",
        },
    ]
    assert [each["name"] for each in document["argv"]["event"][-5:]] == [
        "a_page",
        *(each["name"] for each in document["derived"]),
        "title",
    ]
    assert document["argv"]["event"][-2]["meaning"] == (
        "input of the rules: this parameter of the page's address"
    )


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_the_lean_presets_use_none(preset: str) -> None:
    rules = load_rules(preset)

    assert contract_json(rules, "", "")["derived"] == []
    assert "derived" not in render(rules)


def test_the_packer_puts_derived_values_in_their_places() -> None:
    packer = Packer(parse_rules(RULES, "shop.toml"), max_id_bytes=512, clock=lambda: 0)
    fields = {
        "user": "ada",
        "session": "1",
        "title": 7,
        "a_page": "Tents",
        "page_url": "https://shop.example/?utm_source=news-7&spent=1.50",
        "agent": "curl/8.5.0",
        "derived.channel": "forged",
    }

    ((call,),) = packer.rounds([FlatEvent("", 0, 0, fields)], [])

    assert call.arguments[-5:] == ["Tents", "http-library", "Newsletter", "1.50", "7"]


def test_the_list_of_bots_is_read_by_nobody_who_does_not_ask() -> None:
    code = (
        "import sys; from profiler.profiles.packing import Packer;"
        "sys.exit('crawleruseragents' in sys.modules)"
    )
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_hosts_and_sources_are_compared_as_they_are_met() -> None:
    derived = parse_rules(RULES, "shop.toml").derived

    assert derived is not None
    assert derived.internal == ("xn--mller-kva.example",)
    assert derived.sources == {"social": ("forum.example",)}


def test_a_table_that_nothing_uses_changes_the_version_and_nothing_else() -> None:
    plain = RULES.partition("[derived]")[0] + RULES[RULES.index("[visit]") :]
    plain = plain.replace("derived.", "").replace('when = "bot"', "")
    table = RULES.partition("[derived]")[2].partition("[predicates]")[0]
    with_table = parse_rules(f"{plain}\n[derived]{table}", "shop.toml")
    without = parse_rules(plain, "shop.toml")

    assert with_table.version != without.version
    assert with_table.inputs == without.inputs
    assert [with_table.code_of(rule) for rule in with_table.fields] == [
        without.code_of(rule) for rule in without.fields
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        (
            '"derived.channel"',
            '"derived.chanel"',
            "31: rule visit_channel: value: no derived input is called derived.chanel; did",
        ),
        (
            '"derived.bot"',
            '"derived.browser_and_system"',
            "22: predicates.bot.0.field: no derived input is called derived.browser_and_system;",
        ),
        ('"derived.bot"', '"derived.query."', "22: predicates.bot.0.field: no derived input is"),
        ('"derived.bot"', '"derived."', "22: predicates.bot.0.field: no derived input is called"),
        (
            'referrer = "page_referrer"\n',
            "",
            "8: derived.referrer: derived.channel is derived from it: name the field that has",
        ),
        (
            'user_agent = "agent"\n',
            "",
            "8: derived.user_agent: derived.bot is derived from it: name the field that has the",
        ),
        (
            '"user"',
            '"derived.host"',
            "5: identity.visitor: derived.host is derived from fields of the event: name such",
        ),
        ('"session"', '"derived.host"', "6: identity.visit: derived.host is derived from fields"),
        ('"page_url"', '"derived.host"', "9: derived.url: derived.host is derived from fields of"),
        ('"page_url"', '"page_url"\nip = "ip"', "10: derived.ip: Extra inputs are not permitted"),
        ("Müller.example", "https://a/", "12: derived.internal.0: https://a/ is no host: a name"),
        ("Müller.example", "a.example/b", "12: derived.internal.0: a.example/b is no host: a name"),
        ("Müller.example", "", "12: derived.internal.0:  is no host: a name like shop.example"),
        ("social =", "sozial =", "15: derived.sources.sozial: Input should be 'search', 'social'"),
        ('"Forum.example"', '""', "15: derived.sources.social.0: String should have at least 1"),
        ('source = ["news*"]', "", "17: derived.channels.0: needs a condition: `kind`, `source`,"),
        ('source = ["news*"]', "source = []", "19: derived.channels.0.source: Tuple should have"),
        ('["news*"]', '["a*b*c*d*e*f*g*h*i*"]', "19: derived.channels.0.source.0: a pattern has"),
        ('["news*"]', '"news"', "19: derived.channels.0.source: Input should be a valid tuple"),
        ('["news*"]', '["n"]\nkind = ["x"]', "20: derived.channels.0.kind.0: Input should be"),
        ('name = "Newsletter"\n', "", "17: derived.channels.0.name: Field required"),
    ],
)
def test_a_wrong_file_is_refused_where_it_is_wrong(was: str, becomes: str, finding: str) -> None:
    assert RULES.count(was) >= 1

    with pytest.raises(ConfigError) as refused:
        parse_rules(RULES.replace(was, becomes, 1), "shop.toml")

    assert without_columns(refused.value).startswith(f"shop.toml:{finding}")


def test_rules_without_the_table_are_told_which_field_is_missing() -> None:
    begin, end = RULES.index("[derived]"), RULES.index("[predicates]")

    with pytest.raises(ConfigError, match=r"derived.user_agent: derived.bot is derived from it"):
        parse_rules(RULES[:begin] + RULES[end:], "shop.toml")
