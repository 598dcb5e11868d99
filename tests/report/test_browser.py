"""The page in a real browser: for everybody, with and without a script, and without a network."""

from __future__ import annotations

import pytest
from written import ok


@pytest.fixture
def page_of(full):
    full.page()
    return full.folder / "report.html"


def violations(page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 400)])
def test_nothing_keeps_anybody_from_using_it(page_of, browser, scheme, width):
    with browser(page_of, scheme=scheme, width=width) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.heard == []


def test_without_a_script_all_of_it_can_be_read(page_of, browser):
    with browser(page_of, script=False) as page:
        assert page.locator("figure svg[role=img], figure [role=img]").count() == 3
        assert page.locator("#slow tbody tr").count() == 20
        assert not page.locator("#kinds > details").nth(1).locator("pre").is_visible()
        page.locator("#kinds > details").nth(1).locator("summary").first.click()
        assert page.locator("#kinds > details").nth(1).locator("pre").first.is_visible()
        hits = page.locator("#throughput .hit title")
        assert "ok" in hits.last.text_content()


def test_nothing_is_asked_of_a_network_and_nothing_recorded_acts(page_of, browser):
    with browser(page_of) as page:
        assert page.asked == [page_of.as_uri()]
        assert page.title().startswith("all of it </script>")
        assert page.heard == []


def test_tables_are_sorted_and_filtered(page_of, browser):
    with browser(page_of) as page:
        table = page.locator("#slow table")
        took = table.locator("tbody tr td:nth-of-type(1)")
        table.get_by_role("button", name="last attempt took").click()
        seconds = [float(one.get_attribute("data-sort")) for one in took.all()]
        assert seconds == sorted(seconds)
        assert table.locator("th[aria-sort=ascending]").inner_text().startswith("last attempt")
        table.get_by_role("button", name="last attempt took").click()
        seconds = [float(one.get_attribute("data-sort")) for one in took.all()]
        assert seconds == sorted(seconds, reverse=True)

        page.locator("#slow input").fill("late")
        assert table.locator("tbody tr:visible").count() == 1
        assert page.locator("#slow output").inner_text() == "1 of 20"


def test_failures_are_found_by_what_they_say(page_of, browser):
    with browser(page_of) as page:
        page.locator("#what-failed input").fill("sigsegv")
        assert page.locator("#kinds > details:visible").count() == 1
        page.locator("#what-failed input").fill("")
        assert page.locator("#kinds > details:visible").count() == 4


def test_charts_are_read_with_a_pointer_and_with_keys(page_of, browser):
    with browser(page_of) as page:
        said = page.locator("#throughput .readout")
        page.locator("#throughput .hit").nth(20).hover()
        assert "ok" in said.inner_text()
        page.locator("#durations .scroller").focus()
        page.keyboard.press("Home")
        first = page.locator("#durations .readout").inner_text()
        page.keyboard.press("End")
        last = page.locator("#durations .readout").inner_text()
        assert "item" in first
        assert "item" in last
        assert first != last


def test_the_axes_of_time_are_drawn_out_together(page_of, browser):
    with browser(page_of) as page:
        ratio = "document.querySelector('#{} .scroller').scrollWidth / innerWidth"
        before = page.evaluate(ratio.format("timeline"))
        marks = page.locator("#timeline .axis text:visible").count()
        page.locator("#throughput").get_by_role("button", name="16").click()
        assert page.evaluate(ratio.format("timeline")) > 10 * before
        assert page.locator("#timeline .axis text:visible").count() > marks


def test_colours_are_those_of_the_reader_and_can_be_changed(page_of, browser):
    with browser(page_of, scheme="dark") as page:
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(colour)
        page.get_by_role("button", name="Light colours").click()
        assert page.evaluate(colour) != dark
        assert violations(page) == []


def test_a_run_of_one_item_has_a_sound_page(made, browser):
    made.with_items(ok(0)).close()
    made.page()
    with browser(made.folder / "report.html", width=400) as page:
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.heard == []
