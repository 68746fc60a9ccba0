# ruff: noqa: INP001  # a script beside what it makes, no package
"""Makes the pictures of the guide and the README anew from a demo that runs: `./run pictures`.

    ./run demo       # in another terminal, until the first campaign is finished
    ./run pictures

With names it makes these alone: `./run pictures home result`. Needs Chromium (CHROMIUM_PATH, or
`chromium` in the path). Writes docs/pictures/*.png.
"""

import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 1280, 860  # pixels
PHONE = (390, 780)
COLOURS = 128
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
MAILING_OUTS = "/admin/massmail/mailingout/"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: which page, or behind which link of a list, whose, and from where on."""

    name: str
    address: str
    link: str = ""
    top: str = ""  # the part of the page that stands on top
    user: str = "demo-maria"
    size: tuple[int, int] = (WIDTH, HEIGHT)


SHOTS = (
    Shot("home", "/admin/"),
    Shot("account", "/admin/massmail/emailaccount/", link="Lantern Sales"),
    Shot("people", "/massmail/contact/make-massmail/"),
    Shot("draft", MAILING_OUTS, link="Autumn lights"),
    Shot("message", "/admin/massmail/emlmessage/", link="Spring news for"),
    Shot("checks", MAILING_OUTS, link="Autumn lights", top="#sending"),
    Shot("running", f"{MAILING_OUTS}?owner=all", link="Invitations to the fair", user="demo-oleg"),
    Shot("result", MAILING_OUTS, link="First contact"),
    Shot("phone", MAILING_OUTS, link="First contact", size=PHONE),
    Shot("operators", "/admin/", user="demo", top="#operators-title"),
)


def main() -> None:
    """Take every picture."""
    password = (Path(settings.VAR_DIR) / "demo-password").read_text("utf-8").strip()
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        for shot in SHOTS:
            if sys.argv[1:] and shot.name not in sys.argv[1:]:
                continue
            page = _page_of(browser, shot, password)
            size_bytes = _write(FOLDER / f"{shot.name}.png", page.screenshot())
            sys.stdout.write(f"{shot.name}: {size_bytes / 1000:.0f} kB\n")
            page.context.close()
        browser.close()


def _chromium() -> str:
    names = (os.environ.get("CHROMIUM_PATH") or "", *CHROMIUM_NAMES)
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    return found or sys.exit("Chromium is missing.")


def _page_of(browser: Browser, shot: Shot, password: str) -> Page:
    """Log in, and bring the part of the page into sight."""
    width, height = shot.size
    context = browser.new_context(
        base_url=settings.SITE_URL, locale="en", viewport={"width": width, "height": height}
    )
    page = context.new_page()
    page.goto("/admin/")
    page.locator("#id_username").fill(shot.user)
    page.locator("#id_password").fill(password)
    page.locator("#login-form [type=submit]").click()
    page.goto(shot.address)
    if shot.link:
        page.locator("#result_list th a", has_text=shot.link).first.click()
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)  # previews and charts come after the page
    if shot.top:
        page.locator(shot.top).evaluate("part => part.scrollIntoView({block: 'start'})")
    return page


def _write(file: Path, png: bytes) -> int:
    """Write a picture with few colours; return its size."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(file, optimize=True)
    return file.stat().st_size


if __name__ == "__main__":
    main()
