"""Headless Chromium for the tests of pages: a page is opened with the network off, and tells what it found."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--proxy-server=127.0.0.1:9",  # the network is off
    "--enable-logging=stderr",
]
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on this machine"
)


def run(folder: Path, page: str, width: int, *wanted: str) -> tuple[str, list[str]]:
    """(the document afterwards, lines of the console) of a page opened in a window so wide."""
    file = folder / "page.html"
    file.write_text(page)
    profile = folder / f"profile{len(list(folder.iterdir()))}"
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},1400", *wanted]
    done = subprocess.run(
        [*command, file.as_uri()], capture_output=True, timeout=120, env={**os.environ, "HOME": str(folder)}
    )
    return done.stdout.decode(), [line for line in done.stderr.decode().splitlines() if "CONSOLE" in line]


def told(folder: Path, page: str, script: str, width: int = 1200) -> tuple[Any, list[str]]:
    """(what `script` returns, lines of the console) once the page has loaded; the script is the body of a function."""
    probe = f"""<script>addEventListener("load", () => {{
const told = document.createElement("pre"); told.id = "probe";
told.textContent = JSON.stringify((() => {{ {script} }})());
document.body.append(told); }});</script>"""
    dom, console = run(folder, page.replace("</body>", f"{probe}</body>"), width, "--dump-dom")
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom, re.S)
    assert found, console
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")), console
