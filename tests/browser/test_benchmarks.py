"""The Benchmarks page in a browser: themes, a narrow window, axe."""


def test_both_themes_and_a_narrow_window(visit):
    here = visit("benchmarks")
    for _ in here.looks():
        assert here.page.get_by_text("Every figure here was measured").is_visible()
        assert here.overflow() <= 0
        assert here.axe() == []
