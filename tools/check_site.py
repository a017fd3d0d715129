"""Check the built site in a headless browser, as its readers see it.

    python tools/check_site.py build/docs --pictures build/site

Serves the folder on a free local port and opens every page, wide and 400 pixels narrow, light and
dark. Prints what was checked and what was found; the exit status is 1 if anything was found. Needs
Debian's package `chromium`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from axe_core_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, sync_playwright

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}
PICTURES = ["index", "lecture", "choosing", "recipes", "api/index", "zh/index", "zh/lecture"]
PICTURES += ["auto_examples/index", "api/generated/sklearn_rnn.RNNTextClassifier"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# scikit-learn draws estimators with links in the summaries of their boxes.
SCIKIT_LEARNS = ["<summary>"]
ANCHORS = "[...document.querySelectorAll('[id], a[name]')].map(e => e.id || e.name)"
LINKS = "[...document.querySelectorAll('a[href]')].map(e => e.href)"
WITHOUT_TEXT = """[...document.querySelectorAll('img')]
    .filter(e => !e.hasAttribute('alt') || (!e.alt && e.getAttribute('role') != 'presentation'))
    .map(e => e.src)"""
TOO_WIDE = """(() => {
    const root = document.documentElement, width = root.clientWidth;
    const overflow = Math.max(root.scrollWidth, document.body.scrollWidth) - width;
    const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
    const isCut = e => {
        if (e.getBoundingClientRect().right <= width + 1) return false;
        for (let a = e; a && !a.matches('article'); a = a.parentElement)
            if (scrolls(a)) return false;
        return true;
    };
    const cut = [...document.querySelectorAll('article *')].filter(isCut)
        .map(e => `<${e.tagName.toLowerCase()} class="${e.className}"> is cut off`);
    return (overflow > 0 ? [`${overflow} px too wide`] : []).concat(cut.slice(0, 3));
})()"""


@dataclass
class Report:
    """The number of things checked and the findings, by the name of the check."""

    looked_at: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, check: str, n_looked_at: int, findings: list[str]) -> None:
        self.looked_at[check] += n_looked_at
        self.found[check] += findings

    def print(self) -> None:
        for check, findings in self.found.items():
            for finding in findings:
                print(f"{check}: {finding}")
        print(f"\n{'check':<42} {'looked at':>9} {'found':>6}")
        for check, n_looked_at in self.looked_at.items():
            print(f"{check:<42} {n_looked_at:>9,} {len(self.found[check]):>6,}")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def log_message(self, *_: Any) -> None:
        pass


def main() -> int:
    options = parse_arguments()
    names = sorted(
        path.relative_to(options.site).as_posix() for path in options.site.rglob("*.html")
    )
    names = [name for name in names if not name.startswith("_static/")]
    if not names:
        sys.exit(f"{options.site} contains no pages. Run `make docs` first.")
    report = Report()
    with served(options.site) as address, browser(options.browser, address) as context:
        page = context.new_page()
        watch(page, address, report)
        check_pages(page, address, names, report, options)
        check_search(page, address, report)
        for name in ("start", "lecture", "api/generated/sklearn_rnn.RNNTextClassifier"):
            check_copying(page, f"{address}/{name}.html", report)
    report.print()
    return any(report.found.values())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of some pages")
    parser.add_argument("--browser", default=shutil.which("chromium"), help="its program")
    options = parser.parse_args()
    if options.browser is None:
        parser.exit(2, "The browser is missing: apt-get install chromium\n")
    return options


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def browser(program: str, address: str) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        context = started.new_context(viewport=WIDE, color_scheme="light")
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        yield context
        started.close()


def watch(page: Page, address: str, report: Report) -> None:
    """Record whatever goes wrong while pages load."""

    def note(check: str, what: str) -> None:
        report.add(check, 0, [f"{urlsplit(page.url).path}: {what}"])

    def note_request(request: Any) -> None:
        is_ours = request.url.startswith((address, "data:", "blob:"))
        report.add("requests stay on this machine", 1, [] if is_ours else [request.url])
        report.add("requests succeed", 1, [])

    page.on("request", note_request)
    page.on("requestfailed", lambda request: note("requests succeed", request.url))
    page.on("response", lambda r: r.status >= 400 and note("requests succeed", r.url))
    page.on("pageerror", lambda error: note("no error in the console", str(error)))
    page.on("console", lambda m: m.type == "error" and note("no error in the console", m.text))


# ---- Every page ------------------------------------------------------------------------------


def check_pages(
    page: Page, address: str, names: list[str], report: Report, options: argparse.Namespace
) -> None:
    links, anchors = {}, {}
    for name in names:
        page.set_viewport_size(WIDE)
        response = page.goto(f"{address}/{name}", wait_until="networkidle")
        n_failed = 0 if response and response.ok else 1
        report.add("pages open", 1, [name] * n_failed)
        report.add("no error in the console", 1, [])
        links[name], anchors[name] = page.evaluate(LINKS), set(page.evaluate(ANCHORS))
        check_images(page, name, report)
        check_with_axe(page, name, report)
        picture(page, name, "wide", options.pictures)
        page.set_viewport_size(NARROW)
        report.add("fits into 400 px", 1, prefixed(name, page.evaluate(TOO_WIDE)))
        picture(page, name, "narrow", options.pictures)
    check_links(address, options.site, links, anchors, report)


def prefixed(name: str, findings: list[str]) -> list[str]:
    return [f"{name}: {finding}" for finding in findings]


def check_images(page: Page, name: str, report: Report) -> None:
    n_images = page.locator("img").count()
    report.add("images have a text", n_images, prefixed(name, page.evaluate(WITHOUT_TEXT)))


def check_with_axe(page: Page, name: str, report: Report) -> None:
    """Check contrast in both themes, and everything else that axe finds."""
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        # Colours fade from one theme to the other; contrast is to be measured at the end.
        page.add_style_tag(content="*, *::before, *::after { transition: none !important }")
        results = Axe().run(page)
        findings = [
            f"{name} ({theme}): {violation['id']}: {node['html'][:120]}"
            for violation in results["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
            if not (violation["id"] == "nested-interactive" and node["html"] in SCIKIT_LEARNS)
        ]
        report.add(f"axe, {theme} theme", 1, findings)
    page.evaluate("document.documentElement.dataset.theme = 'light'")


def picture(page: Page, name: str, width: str, folder: Path | None) -> None:
    stem = name.removesuffix(".html")
    if folder is not None and stem in PICTURES:
        path = folder / f"{stem.replace('/', '-')}-{width}.png"
        page.screenshot(path=path, full_page=True)


def check_links(
    address: str,
    site: Path,
    links: dict[str, list[str]],
    anchors: dict[str, set[str]],
    report: Report,
) -> None:
    for name, targets in links.items():
        for target in sorted({target for target in targets if target.startswith(address)}):
            wrong = what_is_wrong(target.removeprefix(address), site, anchors)
            report.add("internal links resolve", 1, prefixed(name, wrong))


def what_is_wrong(target: str, site: Path, anchors: dict[str, set[str]]) -> list[str]:
    parts = urlsplit(target)
    path, fragment = unquote(parts.path).lstrip("/") or "index.html", unquote(parts.fragment)
    if not (site / path).is_file():
        return [f"{target} is not there"]
    if fragment and fragment not in anchors.get(path, {fragment}):
        return [f"{target}: that page has no {fragment!r}"]
    return []


# ---- What readers do -------------------------------------------------------------------------


def check_search(page: Page, address: str, report: Report) -> None:
    page.set_viewport_size(WIDE)
    page.goto(f"{address}/search.html?q=RNNTextClassifier", wait_until="networkidle")
    results = page.locator("#search-results a").all_inner_texts()
    is_found = any("RNNTextClassifier" in result for result in results)
    findings = [] if is_found else [f"not among {len(results)} results"]
    report.add("the search finds RNNTextClassifier", len(results), findings)


def check_copying(page: Page, url: str, report: Report) -> None:
    """Press every copy button and read the clipboard."""
    page.goto(url, wait_until="networkidle")
    buttons = page.locator("button.copybtn")
    if not buttons.count():
        report.add("copy buttons copy", 0, [f"{url} has none"])
    for i in range(buttons.count()):
        button = buttons.nth(i)
        code = page.locator(button.get_attribute("data-clipboard-target") or "").inner_text()
        page.evaluate("navigator.clipboard.writeText('nothing yet')")
        button.scroll_into_view_if_needed()
        button.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        is_right = copied.strip() == without_prompts(code).strip()
        report.add("copy buttons copy", 1, [] if is_right else [f"{url}: {copied[:60]!r}"])


def without_prompts(code: str) -> str:
    """Return what a reader would type: the inputs of an interactive session, or all of it."""
    lines = code.splitlines()
    typed = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    return "\n".join(typed or lines)


if __name__ == "__main__":
    sys.exit(main())
