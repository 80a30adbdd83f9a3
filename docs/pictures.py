"""Take the README's picture: the top of the demo's report, in headless Chromium.

    make pictures

Chromium is looked for under its usual names; root needs ``--no-sandbox``, which is safe here
because the page is our own and loads nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1060,2440",
)


def main() -> None:
    """Run the demo in a temporary folder and photograph its report."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        sys.exit(f"needs Chromium, none of {', '.join(NAMES)} is here: apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        gadfly = Path(sys.executable).parent / "gadfly"
        subprocess.run([gadfly, "demo", "--out", demo, "--no-open"], check=True)
        page = (demo / "report.html").as_uri()
        picture = f"--screenshot={HERE / 'report.png'}"
        profile = f"--user-data-dir={folder}/profile"
        subprocess.run([browser, *FLAGS, profile, picture, page], check=True, capture_output=True)
    print(HERE / "report.png")


if __name__ == "__main__":
    main()
