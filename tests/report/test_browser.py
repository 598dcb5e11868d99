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


def opened_and_sound(page, width):
    """Open all that can be, and see that everybody can use it."""
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.heard == []


def test_nothing_keeps_anybody_from_using_it(page_of, browser):
    with browser(page_of, width=1400) as page:
        opened_and_sound(page, 1400)


def test_colours_are_those_of_the_reader_and_can_be_changed_on_a_small_screen(page_of, browser):
    with browser(page_of, scheme="dark", width=400) as page:
        opened_and_sound(page, 400)
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(colour)
        page.get_by_role("button", name="Light colours").click()
        assert page.evaluate(colour) != dark
        assert violations(page) == []


def test_without_a_script_all_of_it_can_be_read(page_of, browser):
    with browser(page_of, script=False) as page:
        assert page.locator("figure svg[role=img], figure [role=img]").count() == 3
        assert page.locator("#slow tbody tr").count() == 20
        assert not page.locator("#kinds > details").nth(1).locator("pre").is_visible()
        page.locator("#kinds > details").nth(1).locator("summary").first.click()
        assert page.locator("#kinds > details").nth(1).locator("pre").first.is_visible()
        hits = page.locator("#throughput .hit title")
        assert "ok" in hits.last.text_content()


def test_nothing_is_asked_of_a_network_and_the_page_does_what_it_offers(page_of, browser):
    with browser(page_of) as page:
        assert page.asked == [page_of.as_uri()]
        assert page.title().startswith("all of it </script>")
        charts_are_read_with_a_pointer_and_with_keys(page)
        axes_of_time_are_drawn_out_together(page)
        table_is_sorted_and_filtered(page)
        failures_are_found_by_what_they_say(page)
        assert page.asked == [page_of.as_uri()]
        assert page.heard == []


def charts_are_read_with_a_pointer_and_with_keys(page):
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


def axes_of_time_are_drawn_out_together(page):
    ratio = "document.querySelector('#{} .scroller').scrollWidth / innerWidth"
    before = page.evaluate(ratio.format("timeline"))
    marks = page.locator("#timeline .axis text:visible").count()
    page.locator("#throughput").get_by_role("button", name="16").click()
    assert page.evaluate(ratio.format("timeline")) > 10 * before
    assert page.locator("#timeline .axis text:visible").count() > marks


def table_is_sorted_and_filtered(page):
    table = page.locator("#slow table")

    def seconds():
        took = "td => td.map(one => Number(one.dataset.sort))"
        return table.locator("tbody tr td:nth-of-type(1)").evaluate_all(took)

    table.get_by_role("button", name="last attempt took").click()
    assert len(seconds()) == 20
    assert seconds() == sorted(seconds())
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("last attempt")
    table.get_by_role("button", name="last attempt took").click()
    assert seconds() == sorted(seconds(), reverse=True)
    page.locator("#slow input").fill("late")
    assert table.locator("tbody tr:visible").count() == 1
    assert page.locator("#slow output").inner_text() == "1 of 20"


def failures_are_found_by_what_they_say(page):
    page.locator("#what-failed input").fill("sigsegv")
    assert page.locator("#kinds > details:visible").count() == 1
    page.locator("#what-failed input").fill("")
    assert page.locator("#kinds > details:visible").count() == 4


def test_a_run_of_one_item_has_a_sound_page(made, browser):
    made.with_items(ok(0)).close()
    made.page()
    with browser(made.folder / "report.html", width=400) as page:
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.heard == []


def test_rows_of_tables_are_as_high_as_what_is_seen_in_them(page_of, browser):
    with browser(page_of, width=400) as page:
        rows = "[...document.querySelectorAll('#slow tbody tr')].filter(row => row.cells[0]."
        rows += "textContent.length < 20).map(row => row.offsetHeight)"
        heights = page.evaluate(rows)
        assert heights
        assert max(heights) < 48
