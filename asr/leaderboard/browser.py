"""Headless Chromium, to measure and to test the page with; needs selenium, Debian's chromium and
chromium-driver.
"""

from pathlib import Path
from shutil import which
from typing import Any

CHROMIUM, DRIVER = "chromium", "chromedriver"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--disable-dev-shm-usage"),
)


def is_installed() -> bool:
    """Whether the browser and its driver are on the path."""
    return which(CHROMIUM) is not None and which(DRIVER) is not None


def open_browser(profile: Path, *, width: int = 1300, height: int = 900) -> Any:
    """A browser with an empty profile, that keeps its console's messages.

    Args:
        profile: a folder that does not exist yet.
        width, height: of the window, in CSS pixels.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = which(CHROMIUM) or CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver by name, or selenium looks for one to download.
    return webdriver.Chrome(options=options, service=Service(which(DRIVER) or DRIVER))


def emulate(browser: Any, *, width: int, height: int, dark: bool = False) -> None:
    """Show pages as a device of that screen would, phones included."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
