"""The page in a real browser: drawn, chosen, dropped and pasted pictures, by mouse, finger and keyboard."""

import os
import re

import pytest
from PIL import Image
from playwright import sync_api

from tests.service.serving import encoded, seven

# A refused picture shows up as a failed request; anything else is a fault of the page or its policy.
EXPECTED = re.compile(r"status of 4\d\d|net::ERR_FAILED|willReadFrequently")
sync_api.expect.set_options(timeout=20_000)  # machines are busy


@pytest.fixture
def opened(browser, running):
    """Open the page, with options of a browser context; afterwards nothing may have been complained of."""
    contexts, complaints, asked = [], [], []

    def open(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(running.url)
        sync_api.expect(page.locator("#about")).to_contain_text("A model for")
        return page

    yield open
    for context in contexts:
        context.close()
    assert [text for text in complaints if not EXPECTED.search(text)] == []
    assert [url for url in asked if not url.startswith(running.url)] == []


@pytest.fixture
def page(opened):
    return opened()


def drag(page, *points):
    """Draw through points in parts of the drawing area."""
    box = page.locator("#drawing").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


ONE = [(0.52, 0.2), (0.5, 0.8)]
ZERO = [(0.5, 0.2), (0.35, 0.3), (0.3, 0.5), (0.35, 0.7), (0.5, 0.8)]
ZERO += [(1 - x, y) for x, y in ZERO[-2::-1]]
PIXELS = "document.getElementById('saw').getContext('2d').getImageData(0, 0, 28, 28).data"


def expect_answer(page, label):
    sync_api.expect(page.locator("#answer")).to_have_text(re.compile(rf"^{label}, \d+\.\d %$"))


def expect_error(page, *words):
    for word in words:
        sync_api.expect(page.get_by_role("alert")).to_contain_text(word)
    assert page.locator("#bars li").count() == 0
    assert page.locator("#seen").is_hidden()


@pytest.mark.parametrize(("points", "label"), [(ONE, "1"), (ZERO, "0")], ids=["one", "zero"])
def test_a_digit_drawn_with_the_mouse_is_recognised(page, points, label):
    drag(page, *points)
    expect_answer(page, label)
    rows = page.locator("#bars li")
    assert rows.count() == 5
    numbers = [float(text.removesuffix(" %")) for text in page.locator("#bars .number").all_text_contents()]
    assert numbers == sorted(numbers, reverse=True)
    widths = page.locator("#bars .bar").evaluate_all("bars => bars.map(bar => parseFloat(bar.style.width))")
    assert widths == pytest.approx(numbers, abs=0.06)
    sync_api.expect(page.locator("#time")).to_contain_text("ms for the model")


def test_the_page_shows_what_the_model_saw(page):
    drag(page, *ONE)
    expect_answer(page, "1")
    while not page.evaluate(f"{PIXELS}.some((value, i) => i % 4 === 0 && value > 200)"):
        page.wait_for_timeout(10)
    assert page.evaluate(f"[...{PIXELS}.slice(0, 4)]") == [0, 0, 0, 255]


def test_the_page_says_which_model_answers(opened, running):
    page, card = opened(), running.service.models.newest.card
    told = f"trained on {card['trained_on']}. Version 1, made by {card['made_by']}, answers."
    sync_api.expect(page.locator("#about")).to_contain_text(told)
    without = {"card": {**card, "made_by": ""}, "model_spec": {"version": "12"}}
    page.route("**/metadata", lambda route: route.fulfill(json=without))
    page.reload()
    sync_api.expect(page.locator("#about")).to_contain_text(f"{card['trained_on']}. Version 12 answers.")


def test_drawing_with_a_finger_works(opened):
    page = opened(has_touch=True, viewport={"width": 360, "height": 740})
    session = page.context.new_cdp_session(page)
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    moves = [(0.51, 0.2 + 0.1 * step) for step in range(1, 6)] + ONE[1:]
    for kind, (x, y) in [("touchStart", ONE[0]), *(("touchMove", place) for place in moves)]:
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_answer(page, "1")


def test_a_digit_can_be_drawn_and_cleared_by_keyboard_alone(page):
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "drawing":
            break
    for key in ["ArrowUp"] * 9 + [" "] + ["ArrowDown"] * 18 + [" ", "Enter"]:
        page.keyboard.press(key)
    expect_answer(page, "1")
    page.keyboard.press("Delete")
    sync_api.expect(page.locator("#answer")).to_have_text("Nothing yet.")
    assert page.locator("#bars li").count() == 0
    page.keyboard.press("Enter")
    expect_error(page, "nothing on this picture")


@pytest.mark.parametrize("label", ["0", "1", "4", "7"])
def test_every_sample_is_recognised_and_reached_by_keyboard(page, label):
    button = page.get_by_role("button", name=f"Sample {label}")
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect_answer(page, label)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_chosen_picture_is_classified(page, kind):
    data = encoded(seven(), kind)
    page.set_input_files("#file", {"name": "x", "mimeType": f"image/{kind.lower()}", "buffer": data})
    expect_answer(page, "7")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes"),
        (b"no picture", "not a picture"),
        (encoded(seven())[:400], "cut off"),
        (encoded(Image.new("L", (50, 50), 255)), "nothing on this picture"),
        (b"x" * 17_000_000, "larger than"),
    ],
    ids=["empty", "text", "cut off", "blank", "too large"],
)
def test_a_bad_file_is_refused_in_words_and_the_page_works_on(page, data, words, tmp_path):
    (tmp_path / "x.png").write_bytes(data)
    page.set_input_files("#file", tmp_path / "x.png")
    expect_error(page, words)
    drag(page, *ONE)
    expect_answer(page, "1")
    sync_api.expect(page.get_by_role("alert")).to_have_text("")


DROP = """([data, event, key]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "x.png", {type: "image/png"}));
    const kind = event === "paste" ? ClipboardEvent : DragEvent;
    document.body.dispatchEvent(new kind(event, {[key]: transfer, bubbles: true, cancelable: true}));
}"""


@pytest.mark.parametrize(("event", "key"), [("drop", "dataTransfer"), ("paste", "clipboardData")])
def test_a_picture_can_be_dropped_or_pasted(page, event, key):
    import base64

    page.evaluate(DROP, [base64.b64encode(encoded(seven())).decode(), event, key])
    expect_answer(page, "7")


def test_pasting_text_says_that_there_is_no_picture(page):
    page.evaluate("document.body.dispatchEvent(new ClipboardEvent('paste', {bubbles: true}))")
    expect_error(page, "no picture in the clipboard")


def test_a_service_that_is_gone_is_said_in_words(page):
    page.route("**/classify", lambda route: route.abort())
    page.get_by_role("button", name="Sample 1").click()
    expect_error(page, "cannot be reached")


def test_a_late_answer_to_an_older_picture_is_ignored(page):
    held = []
    page.route("**/classify", lambda route: held.append(route))
    page.get_by_role("button", name="Sample 0").click()
    page.get_by_role("button", name="Sample 1").click()
    while len(held) < 2:
        page.wait_for_timeout(10)
    held[1].continue_()
    expect_answer(page, "1")
    with page.expect_response("**/classify"):
        held[0].continue_()
    expect_answer(page, "1")


def test_script_and_style_from_elsewhere_or_inline_are_blocked(browser, running):
    context = browser.new_context()
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(running.url)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.injected = true";
        document.head.append(script);
        document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='1'>x</p><img src='http://127.0.0.1:9/x.png'>");
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("window.injected") is None
    assert sum("Content Security Policy" in text for text in complaints) >= 3
    context.close()


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_every_width_in_both_themes_with_enough_contrast(opened, width, theme, tmp_path):
    page = opened(viewport={"width": width, "height": 800}, color_scheme=theme)
    page.get_by_role("button", name="Sample 7").click()
    expect_answer(page, "7")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.locator("button, .button").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect())"
    )
    assert min(min(box["width"], box["height"]) for box in boxes) >= 44  # large enough for a finger
    for selector in ("body", "#answer", "#keys", "figcaption", "#classify", "#clear", "#bars .number"):
        assert contrast(page, selector) >= 4.5, selector
    folder = os.environ.get("COURSE_SCREENSHOTS", tmp_path)
    page.screenshot(path=f"{folder}/{theme}-{width}.png", full_page=True)


CONTRAST = """selector => {
    const element = document.querySelector(selector);
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    let behind = element;
    const ground = () => getComputedStyle(behind).backgroundColor;
    while (channels(ground())[3] === 0) behind = behind.parentElement;
    return [getComputedStyle(element).color, ground()].map(channels);
}"""


def contrast(page, selector):
    """Of text to what is behind it, as WCAG 2 defines it: 1 … 21."""

    def luminance(color):
        parts = [part / 255 for part in color[:3]]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    lighter, darker = sorted((luminance(color) for color in page.evaluate(CONTRAST, selector)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_everything_that_can_be_used_has_a_name(page):
    for role in ("button", "application", "status", "alert"):
        assert page.get_by_role(role).count() >= 1
    for element in page.locator("button, input, canvas").all():
        name = element.get_attribute("aria-label") or element.text_content().strip()
        assert name or element.evaluate("each => each.labels.length")
