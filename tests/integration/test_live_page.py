"""The live page and the demo's shop in a real browser, on a pipeline that runs.

Over 250 lines: all of them share one demo and one browser, which take long to start.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.integration.browser import NARROW, WIDE, Watched, chromium
from tests.integration.demo_run import DemoRun

pytestmark = pytest.mark.usefixtures("demo")

#: A click in the shop is on the page within this time: a second, and slack for a busy machine.
#: How long it takes on a machine of its own: docs/live-page.md.
SOON_MS = 15_000

Open = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[DemoRun]:  # noqa: ARG001 - skips before anything starts
    run = DemoRun("--keep", directory=tmp_path_factory.mktemp("demo"), terminal=None)
    try:
        run.await_output("send a page view of your own")
        yield run
    finally:
        run.close()


@pytest.fixture(scope="module")
def address(demo: DemoRun) -> str:
    """The live page, with its token."""
    [found, *_] = re.findall(r"http://\S+#token=\w+", demo.output)
    return str(found)


@pytest.fixture(scope="module")
def shop(demo: DemoRun) -> str:
    [found, *_] = re.findall(r"see yourself on the live page:\s+(http://\S+)", demo.output)
    return str(found)


@pytest.fixture
def window(browser: Browser) -> Iterator[Open]:
    """Opens windows; at the end nothing went wrong in them, and they asked nobody else."""
    opened: list[Watched] = []

    def make(size: tuple[int, int] = WIDE, scheme: Literal["light", "dark"] = "light") -> Watched:
        opened.append(Watched(browser, size, scheme))
        return opened[-1]

    yield make
    problems, hosts = [], set()
    for each in opened:
        problems += each.problems
        hosts |= each.hosts
        each.close()
    assert problems == []
    assert hosts <= {"127.0.0.1"}


def opened(watched: Watched, address: str) -> Page:
    """The live page, signed in."""
    watched.page.goto(address)
    expect(watched.page.get_by_role("heading", name="Events")).to_be_visible()
    return watched.page


def events_of(page: Page) -> Locator:
    return page.get_by_role("table").get_by_role("row")


def test_the_page_shows_what_came_before_it_was_opened(window: Open, address: str) -> None:
    page = opened(window(), address)
    assert "token" not in page.url
    expect(page.get_by_role("status").first).to_have_text("Live")
    assert events_of(page).count() > 20
    for name in ("Entry pages", "Channels", "Sources"):
        bars = page.get_by_role("list", name=name).get_by_role("listitem")
        assert bars.count() == 8
    triggers = page.get_by_role("list", name="How often each trigger fired")
    expect(triggers).to_contain_text("interested")


def test_a_click_in_the_shop_appears(window: Open, address: str, shop: str) -> None:
    live, visitor = opened(window(), address), window().page
    visitor.goto(f"{shop}?utm_source=google&utm_medium=cpc")
    expect(visitor).to_have_title("Nordlicht Outdoor")
    newest = events_of(live).nth(1)
    expect(newest).to_contain_text("Nordlicht Outdoor", timeout=SOON_MS)
    expect(newest).to_contain_text("new visitor")
    expect(newest).to_contain_text("Paid Search")
    visitor.get_by_role("link", name="See the Aurora tent").click()
    expect(events_of(live).nth(1)).to_contain_text("Aurora tent, 890 g", timeout=SOON_MS)


def test_a_visitor_sees_each_change_and_a_trigger(window: Open, shop: str) -> None:
    watched = window()
    page = watched.page
    page.goto(shop)
    page.get_by_role("link", name="See the Aurora tent").click()
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_role("button", name="Order now").click()
    expect(page.get_by_role("status")).to_contain_text("Ordered")
    with page.context.expect_page() as popup:
        page.get_by_role("link", name="See yourself on the live page").click()
    live = popup.value
    watched.watch(live)

    changes = live.get_by_role("list", name=re.compile("^The last .* events"))
    order = changes.get_by_role("listitem").filter(has_text="Structured Event").first
    expect(order).to_contain_text("visitor_spent")
    expect(order).to_contain_text("289.5")
    expect(changes).to_contain_text("Nordlicht Outdoor")
    first = changes.locator(":scope > li").last
    expect(first).to_contain_text("visit_first_page")
    profile = live.get_by_role("region", name="One visitor")
    expect(profile.locator("dl").first).to_contain_text("spent")

    firings = live.get_by_role("region", name="Triggers").locator(".firings")
    expect(firings.locator("li", has_text="customer").first).to_contain_text("fired")
    expect(firings.locator("li", has_text="retracted").first).to_contain_text("interested")


def test_a_visitor_is_found_by_id(window: Open, address: str) -> None:
    watched = window()
    page = opened(watched, address)
    visitor = page.locator("button.visitor").first.get_attribute("title") or ""
    field = page.get_by_label("Visitor id")
    field.fill(visitor)
    field.press("Enter")
    expect(page.locator(".whose")).to_have_text(visitor)
    expect(page.locator("#visitor dl")).to_have_count(2)

    field.fill("nobody/?#<b>")
    field.press("Enter")
    expect(page.get_by_text("Nobody is known by this id.")).to_be_visible()
    expect(page.locator("#visitor b")).to_have_count(0)
    watched.forgive("404")


def test_a_dead_letters_bytes_are_shown_and_inert(window: Open, address: str, shop: str) -> None:
    live, visitor = opened(window(), address), window().page
    visitor.goto(shop)
    visitor.get_by_role("button", name="Send a broken record").click()
    letter = live.locator("details").first
    expect(letter).to_contain_text("bad_utf8", timeout=SOON_MS)
    letter.locator("summary").click()
    shown = live.get_by_label("The original bytes")
    expect(shown).to_contain_text("<script>alert('not me')</script>\\xff")
    assert live.locator("pre script").count() == 0
    live.get_by_role("button", name="Hexadecimal").click()
    expect(shown).to_contain_text("63 72 69 70 74 3e")


@pytest.mark.field(
    kind="text and files",
    meets="page titles and ids with HTML and scripts in them, on the live page",
    happens="they are shown as text, and nothing of them runs",
)
def test_hostile_titles_stay_text(window: Open, address: str, shop: str) -> None:
    live, visitor = opened(window(), address), window().page
    visitor.goto(shop)
    hostile = "<img src=x onerror=\"document.title='hacked'\">"
    sent = visitor.evaluate(
        """async (page) => (await fetch('/com.snowplowanalytics.snowplow/tp2', {
            method: 'POST',
            body: JSON.stringify({data: [{e: 'pv', page, duid: '<b>x</b>', sid: '<i>y</i>'}]}),
        })).status""",
        hostile,
    )
    assert sent == 204
    row = events_of(live).filter(has_text=hostile).first
    expect(row).to_be_visible(timeout=SOON_MS)
    row.get_by_role("button").click()
    expect(live.locator(".whose")).to_have_text("<b>x</b>")
    expect(live.locator("#visitor dl").first).to_contain_text(hostile[:20])
    assert live.locator("main img").count() == 0
    assert live.title() == "Live · Visitor profiler"


def test_nothing_of_anybody_is_shown_without_the_token(window: Open, address: str) -> None:
    watched = window()
    page = watched.page
    page.goto(address.partition("#")[0])
    expect(page.get_by_label("Token")).to_be_visible()
    for path in ("/v1/live", "/v1/live/visitors/x", "/v1/visitors/x"):
        assert page.evaluate("async (path) => (await fetch(path)).status", path) == 401
    page.get_by_label("Token").fill("x" * 32)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the token.")

    page.get_by_label("Token").fill(address.partition("token=")[2])
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Events")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    watched.forgive("401")


def test_a_policy_keeps_scripts_and_styles_out(window: Open, address: str) -> None:
    page = opened(window(), address)
    answer = page.request.get(address.partition("#")[0])
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_pause_holds_the_page(window: Open, address: str, shop: str) -> None:
    live, visitor = opened(window(), address), window().page
    live.get_by_role("button", name="Pause").click()
    expect(live.get_by_role("status").first).to_have_text("Paused")
    before = events_of(live).nth(1).inner_text()
    visitor.goto(f"{shop}checkout")
    visitor.wait_for_timeout(2_000)
    assert events_of(live).nth(1).inner_text() == before
    live.get_by_role("button", name="Go on").click()
    expect(events_of(live).nth(1)).to_contain_text("Checkout", timeout=SOON_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_nothing_keeps_anybody_out(
    window: Open, address: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    page = opened(window(size, scheme), address)
    page.locator("button.visitor").first.click()
    expect(page.locator(".changes")).to_be_visible()
    if page.locator("summary").count():
        page.locator("summary").first.click()
    page.mouse.move(0, 0)
    assert violations(page) == []
    # Nothing is wider than the window.
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_neither_do_the_token_and_the_shop(
    window: Open, address: str, shop: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    watched = window(size, scheme)
    page = watched.page
    for path in ("", "tent", "checkout"):
        page.goto(f"{shop}{path}")
        expect(page.get_by_role("link", name="See yourself")).to_be_visible()
        assert violations(page) == []
    page.goto(address.partition("#")[0])
    expect(page.get_by_label("Token")).to_be_visible()
    assert violations(page) == []
    watched.forgive("401")


def violations(page: Page) -> list[str]:
    """What axe finds, as rule and element."""
    return [
        f"{found['id']}: {node['html']}"
        for found in Axe().run(page).response["violations"]
        for node in found["nodes"]
    ]


def test_the_whole_way_goes_by_keyboard(window: Open, address: str) -> None:
    watched = window()
    page = opened(watched, address)

    def focused(until: str, key: str = "Tab") -> None:
        """Press the key until the focus is on what matches."""
        for _ in range(150):
            page.keyboard.press(key)
            if page.evaluate("(until) => document.activeElement.matches(until)", until):
                return
        pytest.fail(f"no way by {key} to {until}")

    focused(".skips a")
    shown = page.evaluate("document.activeElement.getBoundingClientRect().width")
    assert shown > 50  # a link to skip is seen once it has the focus
    page.keyboard.press("Enter")
    focused("button.visitor")
    visitor = page.evaluate("document.activeElement.title")
    expect(page.get_by_text("held while you are here")).to_be_visible()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".whose")).to_have_text(visitor)

    page.evaluate("document.activeElement.blur()")
    focused(".skips a[href='#visitor']")
    page.keyboard.press("Enter")
    focused("#wanted")
    page.keyboard.press("Control+a")
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody is known by this id.").first).to_be_visible()
    watched.forgive("404")

    if page.locator("summary").count():
        focused("summary")
        page.keyboard.press("Enter")
        expect(page.get_by_label("The original bytes")).to_be_visible()
        focused("#rejected button")
        page.keyboard.press("Space")
        expect(page.get_by_label("The original bytes")).to_contain_text("0000  ")
    focused(".pause", "Shift+Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("status").first).to_have_text("Paused")


def test_a_lost_stream_is_told_and_found_again(window: Open, address: str) -> None:
    watched = window()
    page = watched.page
    page.route("**/v1/live", lambda route: route.abort())
    page.goto(address)
    expect(page.get_by_role("status").first).to_contain_text("Connecting anew")
    page.unroute("**/v1/live")
    expect(page.get_by_role("status").first).to_have_text("Live")
    watched.forgive("ERR_FAILED")
