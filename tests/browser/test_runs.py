"""The Runs page in a browser: a run in training and one that waits, cancel, files, delete, themes, axe."""

import io
import zipfile

from tests import tiny


def test_queue_progress_and_cancel(visit):
    here = visit("landscape_2d?data=circles&seconds=120")
    page = here.page
    page.get_by_role("button", name="Train fast and paper").click()
    page.get_by_role("button", name="Cancel").wait_for(timeout=30_000)
    page.get_by_role("link", name="Runs").first.click()
    page.get_by_role("heading", name="Now").wait_for()
    page.get_by_text("place 1 in the queue").wait_for()
    page.get_by_text("left").first.wait_for(timeout=30_000)
    cancel = page.get_by_role("button", name="Cancel")
    assert cancel.count() == 2, "or another test left a run behind"
    cancel.first.click()  # the newer one, which waits
    page.wait_for_function("document.querySelectorAll('[class*=st-key-Cancel-]').length === 1")
    cancel.first.click()
    page.get_by_text("Nothing is training at the moment.").wait_for()


def test_files_log_and_delete(visit, server):
    run = tiny.finished_run(server.home, "parcel", tiny.trained())
    run.append_metrics({"step": 9, "elapsed_s": 1.5, "progress": 1.0, "gfn_nll": 20.5})
    here = visit("runs")
    page = here.page
    card = page.locator("[data-testid=stVerticalBlock]", has_text="parcel").last
    card.get_by_role("button", name="More").click()
    saved = here.download("Download model")
    names = zipfile.ZipFile(io.BytesIO(saved.read_bytes())).namelist()
    assert "parcel/model.safetensors" in names
    page.get_by_text("Delete it for good").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_function("!document.body.innerText.includes('parcel')")
    assert not run.path.exists()


def test_both_themes_and_a_narrow_window(visit):
    here = visit("runs")
    here.page.get_by_text("8gaussians").first.wait_for()
    for _theme, _width in here.looks():
        assert here.overflow() <= 0
        assert here.axe() == []
