"""docs/chaos.md lists what there is."""

from tests.chaos import page


def test_the_page_lists_all_rows_and_the_whole_proof() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.rows() in text
    assert page.proof() in text
