"""A page of the dashboard in a browser that has never seen it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Page, ViewportSize

from scripts.bench.bench_error import MeasureError

_PATIENCE_MS = 120_000
_SIZE = ViewportSize(width=1280, height=800)
# What is there when something is seen. Charts tell what they show when they have been given it; lists lose
# their placeholders when bands and marks are drawn, also where there are none.
_SIGNS = {
    "rows": "tbody a.vin",
    "charts": '.chart:last-child .plot[aria-label*="Arrow keys"]',
    "bands and marks": ".lists:not(:has(.rows .skeleton)) .rows",
}
# The second frame after the change begins when the first one, with the change on it, is done.
_WATCH = """
    window.seenAt = {};
    const signs = %s;
    const framed = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
    const look = () => {
        for (const [name, sign] of Object.entries(signs)) {
            if (!document.querySelector(sign)) continue;
            delete signs[name];
            framed(() => { window.seenAt[name] = performance.now() / 1000; });
        }
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
"""


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """With nothing in any cache; scripts and styles have been loaded."""
    context = browser.new_context(viewport=_SIZE)
    try:
        page = context.new_page()
        page.add_init_script(f"(() => {{{_WATCH % _SIGNS}}})()")
        page.goto(address)
        yield page
    except Error as failed:
        raise MeasureError(f"{address}: {failed.message.splitlines()[0]}") from None
    finally:
        context.close()


def await_sights(page: Page, sights: Sequence[str]) -> dict[str, float]:
    """Until all of them are on the screen; in s from the navigation on."""
    asked = "(sights) => sights.every((sight) => sight in window.seenAt)"
    page.wait_for_function(asked, arg=list(sights), polling=50, timeout=_PATIENCE_MS)
    seen: dict[str, float] = page.evaluate("window.seenAt")
    return {sight: seen[sight] for sight in sights}


def seconds_until(browser: Browser, address: str, sights: Sequence[str]) -> dict[str, float]:
    """From the navigation to each of the sights."""
    with opened(browser, address) as page:
        return await_sights(page, sights)
