"""The page of a chip in a real browser: for everybody, without a script, without a network."""

from __future__ import annotations

import pytest

from treadle.lab.page import write

HOSTILE = "</script><script>alert('1')</script> \"&amp;\" $x$ ñµ中"


@pytest.fixture
def page_of(made, tmp_path):
    return write(made(runs=40, information=HOSTILE), tmp_path / "chip.html")


def violations(page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 400)])
def test_nothing_keeps_anybody_from_using_it(page_of, browser, scheme, width):
    with browser(page_of, scheme=scheme, width=width) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.heard == []


def test_without_a_script_all_of_it_can_be_read(page_of, browser):
    with browser(page_of, script=False) as page:
        assert page.locator("#history tbody tr").count() == 40
        assert page.locator("#trends svg[role=img]").count() == 5
        assert not page.locator("#flagged a").first.is_visible()
        page.locator("#flagged summary").first.click()
        assert page.locator("#flagged a").first.is_visible()


def test_nothing_is_asked_of_a_network_and_the_history_is_sorted_and_filtered(page_of, browser):
    with browser(page_of) as page:
        table = page.locator("#history table")
        head = table.get_by_role("button", name="cnp_voltage (V)")

        def values():
            column = head.evaluate("button => button.parentElement.cellIndex")
            return [row[column] for row in table.locator("tbody").evaluate(
                "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
            )]  # fmt: skip

        head.click()
        there = [float(each) for each in values() if each]
        assert there == sorted(there)
        assert len(there) == 24
        assert values()[-1] == ""  # what has no value is below, either way
        head.click()
        assert [float(each) for each in values() if each] == sorted(there, reverse=True)
        assert values()[-1] == ""
        page.get_by_role("searchbox").fill("ivg  yes")
        shown = table.locator("tbody tr:visible").count()
        assert 0 < shown < 14
        assert page.locator("#history output").inner_text() == f"{shown} of 40"
        page.locator("#flagged summary").first.click()
        page.locator("#flagged a").first.click()  # to a run that is filtered out
        assert table.locator("tr:target").is_visible()
        assert page.asked == [page_of.as_uri()]
        assert page.heard == []
