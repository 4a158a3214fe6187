"""Measure the latency from a stroke to the prediction on the page of ``jitcnn play``, in a real browser.

    python benchmarks/page.py MODEL [--strokes 60]

Needs Playwright and Chromium. The page itself measures the time in milliseconds from pointer event to drawn result.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys

from playwright.sync_api import sync_playwright

BETWEEN = 120  # milliseconds between pointer moves


def main() -> None:
    """Measure and print the latency."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--strokes", type=int, default=60)
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "jitcnn_cli", "play", arguments.model, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = next(found[0] for line in server.stdout if (found := re.findall(r"http://\S+", line)))
        try:
            taken = measure(address, arguments.strokes)
        finally:
            server.terminate()
    ordered = sorted(taken)
    print(
        f"{len(taken)} predictions: median {statistics.median(taken):.0f} ms, 90th percentile "
        f"{ordered[int(0.9 * len(ordered))]:.0f} ms, maximum {ordered[-1]:.0f} ms"
    )


def measure(address: str, strokes: int) -> list[float]:
    """Draw a line step by step and read the latency shown by the page after each step."""
    taken = []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        box = page.locator("#pad").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
        page.mouse.down()
        for k in range(strokes):
            share = k / strokes
            page.mouse.move(
                box["x"] + (0.2 + 0.6 * share) * box["width"], box["y"] + (0.3 + 0.5 * share) * box["height"]
            )
            page.wait_for_timeout(BETWEEN)
            taken.append(float(page.get_attribute("#latency", "data-milliseconds") or "nan"))
        browser.close()
    return taken


if __name__ == "__main__":
    main()
