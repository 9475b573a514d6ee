"""A page of the dashboard in a browser with empty caches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Page, ViewportSize

from scripts.bench.bench_error import MeasureError

_TIMEOUT_MS = 120_000
_SIZE = ViewportSize(width=1280, height=800)
# An element that exists once a part is drawn. A chart has its label when it has its data; lists lose their
# placeholders when bands and marks are drawn, also where there are none.
_SELECTORS = {
    "rows": "tbody a.vin",
    "charts": '.chart:last-child .plot[aria-label*="Arrow keys"]',
    "bands and marks": ".lists:not(:has(.rows .skeleton)) .rows",
}
# The second frame after a change begins when the first one, with the change on it, is drawn.
_OBSERVER = """
    window.seenAt = {};
    const selectors = %s;
    const framed = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
    const check = () => {
        for (const [name, selector] of Object.entries(selectors)) {
            if (!document.querySelector(selector)) continue;
            delete selectors[name];
            framed(() => { window.seenAt[name] = performance.now() / 1000; });
        }
    };
    new MutationObserver(check).observe(document, { subtree: true, childList: true, attributes: true });
"""


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """Open a page with empty caches; scripts and styles have been loaded when the block begins."""
    context = browser.new_context(viewport=_SIZE)
    try:
        page = context.new_page()
        page.add_init_script(f"(() => {{{_OBSERVER % _SELECTORS}}})()")
        page.goto(address)
        yield page
    except Error as failed:
        raise MeasureError(f"{address}: {failed.message.splitlines()[0]}") from None
    finally:
        context.close()


def await_parts(page: Page, parts: Sequence[str]) -> dict[str, float]:
    """Wait until all of these parts are drawn; returns the seconds since navigation by part."""
    all_drawn = "(parts) => parts.every((part) => part in window.seenAt)"
    page.wait_for_function(all_drawn, arg=list(parts), polling=50, timeout=_TIMEOUT_MS)
    seen: dict[str, float] = page.evaluate("window.seenAt")
    return {part: seen[part] for part in parts}


def seconds_until(browser: Browser, address: str, parts: Sequence[str]) -> dict[str, float]:
    """Open a page; returns the seconds from navigation until each part is drawn."""
    with opened(browser, address) as page:
        return await_parts(page, parts)
