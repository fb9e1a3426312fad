"""The explorer's page in a real browser."""

import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from benchmarks.workloads.drawn_run import write_drawn_run
from tests.support.browser import browser, serious_faults, watched_page
from tests.support.explorer import running_explorer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running():
    with browser() as opened:
        yield opened


@pytest.fixture
def page(running, explorer):
    with watched_page(running, explorer.url, viewport={"width": 1300, "height": 850}) as opened:
        opened.wait_for_selector(".tile .caption")
        opened.wait_for_selector("#filters details")
        yield opened


def tiles(page):
    return page.locator(".tile .caption").all_inner_texts()


def wait_for_count(page, text):
    page.wait_for_function("text => document.querySelector('#count').innerText.includes(text)", arg=text)


def test_the_grid_shows_every_pair_with_its_image(page):
    wait_for_count(page, "10")
    assert len(tiles(page)) == 10
    page.wait_for_function("() => [...document.querySelectorAll('.tile img')].every((image) => image.naturalWidth > 0)")
    assert page.locator(".tile img").count() == 9  # a pair that a rule left out has the image of its URL


def test_every_place_of_a_long_grid_is_reached(running, tmp_path):
    write_drawn_run(RunFolder(str(tmp_path / "run")), 3000)
    labels = ["--labels", str(tmp_path / "labels.csv")]
    with running_explorer(str(tmp_path / "run"), *labels) as explorer:
        lacks_images = "Failed to load resource"  # drawn pairs have none
        with watched_page(running, explorer.url, expects=lacks_images) as page:
            page.wait_for_selector(".tile .caption")
            assert page.locator(".tile").count() < 200
            page.locator(".tile").first.focus()
            page.keyboard.press("End")
            page.wait_for_selector('.tile[data-index="2999"] .caption')
            assert page.evaluate("document.activeElement.dataset.index") == "2999"
            page.evaluate("document.querySelector('.scroller').scrollTop = 0")
            page.wait_for_selector('.tile[data-index="0"] .caption')
            page.evaluate("document.querySelector('.scroller').scrollTop *= 0.5")
            page.locator("#grid").hover()
            page.mouse.wheel(0, 9000)
            page.wait_for_function("() => document.querySelector('.tile').dataset.index > 100")
            page.wait_for_function("() => !document.querySelector('.tile .waits')")


def test_texts_of_the_web_stay_texts_in_their_own_direction(page):
    assert any("<img src=x onerror=" in text for text in tiles(page))
    assert page.title() != "1"
    assert page.locator("main script, main a").count() == 0
    arabic = page.locator(".caption", has_text="قطة").first
    assert arabic.evaluate("element => getComputedStyle(element).direction") == "rtl"
    for caption in page.locator(".tile .caption").all():
        assert caption.evaluate("element => getComputedStyle(element).unicodeBidi") == "isolate"
    japanese = page.locator(".caption", has_text="猫").first
    assert japanese.evaluate("element => getComputedStyle(element).direction") == "ltr"


def test_a_brush_filters_and_its_chip_takes_it_off(page):
    page.locator('[data-column="fate"] button').first.wait_for()  # counts are there: nothing moves any more
    histogram = page.locator('[data-column="original_height"]')
    if histogram.get_attribute("open") is None:
        histogram.locator("summary").click()
    histogram.locator("svg").scroll_into_view_if_needed()
    box = histogram.locator("svg").bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=4)
    page.mouse.up()
    wait_for_count(page, "5 of 10")
    page.wait_for_function("() => document.querySelectorAll('.tile .caption').length === 5")
    assert "original_height" in page.url
    page.locator("#chips button").first.click()
    wait_for_count(page, "10")


def test_a_facet_and_a_search_filter_together(page):
    page.locator('[data-column="fate"] button', has_text="kept").click()
    wait_for_count(page, "8 of 10")
    page.fill("#words", "猫")
    page.press("#words", "Enter")
    wait_for_count(page, "1 of 10")
    page.wait_for_function("() => document.querySelectorAll('.tile .caption').length === 1")
    assert "猫" in tiles(page)[0]
    page.reload()  # the address says all of it
    wait_for_count(page, "1 of 10")
    page.fill("#words", "nothing of the kind")
    page.press("#words", "Enter")
    page.click("text=show all pairs")
    wait_for_count(page, "10 pairs")
    page.wait_for_selector(".tile .caption")


def test_a_pairs_page_has_a_permalink(page, explorer):
    page.locator(".tile", has_text="image is gone").click()
    page.wait_for_selector(".way .stop")
    assert "http status" in page.locator(".way .stop").inner_text()
    assert "404" in page.locator(".way .stop").inner_text()
    link = page.locator("a.small", has_text="permalink").get_attribute("href")
    page.goto("about:blank")
    page.goto(explorer.url + link)
    page.wait_for_selector(".way .stop")
    assert "image is gone" in page.locator(".caption.whole").inner_text()


def test_a_slider_moves_a_threshold_and_writes_the_recipe(page):
    page.click('[data-panel="thresholds"]')
    slider = page.locator(".slider", has_text="short side").locator("input")
    slider.evaluate("input => { input.value = 80; input.dispatchEvent(new Event('input', {bubbles: true})); }")
    page.wait_for_selector("#panel pre")
    assert "images.min_side_px=80" in page.locator("#panel pre").inner_text()
    page.wait_for_selector("#panel .loss")
    page.click("text=Other settings")
    page.fill("#panel textarea", "captions.min_characters=40\nlanguage.keep=[en, ja]")
    page.wait_for_function("() => document.querySelector('#panel pre').innerText.includes('keep=[en, ja]')")
    page.click("#panel button:text('dry run')")
    page.wait_for_selector("#panel :text('pairs would be kept')", timeout=60_000)
    assert "rules" in page.locator("#panel table", has_text="left out at").inner_text()
    with page.expect_download() as download:
        page.click("text=recipe.yaml")
    text = download.value.path().read_text()
    assert "min_side_px: 80" in text
    assert "min_characters: 40" in text


def test_labels_by_keyboard_and_what_they_say(page, explorer):
    page.locator(".tile").first.focus()
    page.keyboard.press("g")
    page.wait_for_selector(".tile .label.good")
    page.keyboard.press("b")
    page.wait_for_selector(".tile .label.bad")
    assert sorted(line.split(",")[1] for line in explorer.labels.read_text().splitlines()[1:]) == ["0", "1"]
    page.click('[data-panel="labels"]')
    page.wait_for_selector("#panel table")
    assert "50%" in page.locator("#panel table").first.inner_text()
    page.keyboard.press("Escape")
    page.locator(".tile").first.focus()
    page.keyboard.press("u")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    page.wait_for_function("() => !document.querySelector('.tile .label')")


def test_an_export_is_a_file(page, tmp_path):
    page.click('[data-panel="export"]')
    with page.expect_download() as download:
        page.locator("#panel a", has_text="Parquet").click()
    file = tmp_path / "pairs.parquet"
    download.value.save_as(file)
    assert pq.read_metadata(file).num_rows == 10


def test_everything_is_reached_by_keyboard_alone(page):
    page.keyboard.press("/")
    page.keyboard.type("garden")
    page.keyboard.press("Enter")
    wait_for_count(page, "1 of 10")
    page.wait_for_function("() => document.querySelectorAll('.tile .caption').length === 1")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('tile')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".caption.whole")
    assert page.evaluate("document.querySelector('#panel').contains(document.activeElement)")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert page.evaluate("document.activeElement.classList.contains('tile')")


def test_an_unsafe_image_is_blurred_until_asked(page):
    unsafe = page.locator(".tile", has_text="two cats")
    assert unsafe.locator(".blurred").count() == 1
    assert page.locator(".tile .blurred").count() == 1
    unsafe.locator(".show").click()
    assert page.locator(".tile .blurred").count() == 0
    page.select_option("#blur", "all")
    page.wait_for_selector(".tile .blurred")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1300])
def test_the_page_is_for_everybody_at_any_width(running, explorer, scheme, width):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with watched_page(running, explorer.url, **options) as page:
        page.wait_for_selector(".tile .caption")
        for panel in (None, "thresholds", "labels", "export", "keys"):
            if panel is not None:
                page.evaluate("panel => { location.hash = `panel=${panel}`; }", panel)
                page.wait_for_selector("#panel h2")
                page.wait_for_timeout(400)
            assert serious_faults(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("location.hash = ''")
        if width == 400:  # the filters lie over the grid, and go again
            page.click("#show-filters")
            page.wait_for_selector("#filters summary")
            assert serious_faults(page) == []
            page.click("#show-filters")
            page.wait_for_selector("#filters", state="hidden")
        page.locator(".tile").nth(1).click()
        page.wait_for_selector(".caption.whole")
        assert serious_faults(page) == []
