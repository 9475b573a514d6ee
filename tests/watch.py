"""What a browser's page did that it should not have done."""

import re
from urllib.parse import urlsplit


class Watch:
    """What a page did beside what it showed: errors of its scripts, its requests, its headers."""

    def __init__(self, page, base_url):
        self.host = urlsplit(base_url).netloc
        self.errors = []
        self.urls = []
        self.expected = []
        self.policies = []
        self.network_changed = False
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("response", self._note_response)

    def expect(self, pattern):
        """Let errors that match be: the test causes them."""
        self.expected.append(re.compile(pattern))

    def check(self):
        """Fail on any error that was not expected, on any other host, on a page without its policy."""
        left = [error for error in self.errors if not any(known.search(error) for known in self.expected)]
        assert not left, left
        hosts = {urlsplit(url).netloc for url in self.urls}
        # A file that is made in the page itself has no host.
        assert hosts - {""} <= {self.host}
        assert self.policies
        assert all("default-src 'none'" in policy for policy in self.policies)

    def _note_console(self, message):
        # Chromium ends every request, those over the loopback too, when a network interface of this machine
        # comes or goes, as when anything starts a container: no fault of the page.
        if "net::ERR_NETWORK_CHANGED" in message.text:
            self.network_changed = True
            return
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def _note_response(self, response):
        if response.request.is_navigation_request():
            self.policies.append(response.headers.get("content-security-policy", ""))
