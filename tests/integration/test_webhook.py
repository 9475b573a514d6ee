"""The webhook against a real receiver: signature, key, refusals, private addresses."""

import hashlib
import hmac
import json
import socket
import threading

import pytest

from alert_worker.routes import public_address, webhook
from alert_worker.routes.target import DeliveryError
from alert_worker.routes.webhook import Webhook, WebhookOptions
from tests.receiver import receiver

SECRET = b"correct horse"
LOCAL = WebhookOptions(SECRET, allow_private=True)
MESSAGE = {
    "id": "0d5e7d38-9b9f-4f3b-9f6c-1f5a3a2b7c11",
    "event": "opened",
    "episode": {"code": "TEMP_HIGH", "severity": "critical", "detail": "61 °C"},
    "vehicle": {"vin": "VIN-00001"},
    "at": "2026-11-20T08:00:00Z",
}


def test_a_message_arrives_signed_with_its_key():
    with receiver() as (port, requests):
        Webhook(f"http://me:pa%20ss@127.0.0.1:{port}/hook?x=1", LOCAL).send(MESSAGE)
    (request,) = requests
    assert request.path == "/hook?x=1"
    assert json.loads(request.body) == MESSAGE
    digest = hmac.new(SECRET, request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Signature"] == f"sha256={digest}"
    assert request.headers["Idempotency-Key"] == MESSAGE["id"]
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Basic bWU6cGEgc3M="


def test_without_a_secret_there_is_no_signature():
    with receiver() as (port, requests):
        Webhook(f"http://127.0.0.1:{port}", WebhookOptions(allow_private=True)).send(MESSAGE)
    assert "X-Signature" not in requests[0].headers
    assert requests[0].path == "/"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_another_answer_than_2xx_is_a_failure_and_no_redirect_is_followed(status):
    with (
        receiver(lambda _handler: status) as (port, requests),
        pytest.raises(DeliveryError, match=f"answered {status}"),
    ):
        Webhook(f"http://127.0.0.1:{port}/secret", LOCAL).send(MESSAGE)
    assert len(requests) == 1


def test_the_reason_names_no_path_and_no_password():
    with receiver(lambda _handler: 500) as (port, _), pytest.raises(DeliveryError) as failed:
        Webhook(f"http://me:hush@127.0.0.1:{port}/T0K3N", LOCAL).send(MESSAGE)
    assert "T0K3N" not in str(failed.value)
    assert "hush" not in str(failed.value)


def test_an_answer_byte_by_byte_is_cut(monkeypatch):
    """Each byte would start the socket's timeout anew."""
    monkeypatch.setattr(webhook, "WITHIN_S", 0.4)
    is_over = threading.Event()

    def drip(handler):
        while not is_over.wait(0.05):
            handler.wfile.write(b"H")
            handler.wfile.flush()

    with receiver(drip) as (port, _):
        with pytest.raises(DeliveryError):
            Webhook(f"http://127.0.0.1:{port}", LOCAL).send(MESSAGE)
        is_over.set()


def test_a_closed_port_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DeliveryError, match="connection refused"):
        Webhook(f"http://127.0.0.1:{port}", LOCAL).send(MESSAGE)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",  # noqa: S104 - an address that Linux connects to this machine
    ],
)
def test_a_form_of_the_loopback_is_refused_before_a_byte_is_sent(host):
    with (
        receiver() as (port, requests),
        pytest.raises(DeliveryError, match="not a public address; ALERT_ALLOW_PRIVATE=true permits it"),
    ):
        Webhook(f"http://{host}:{port}/", WebhookOptions(SECRET)).send(MESSAGE)
    assert requests == []


def test_a_name_that_changes_between_check_and_connect_gains_nothing(monkeypatch):
    """The first look-up gives a public address, each later one the loopback; there is no later one."""
    lookups = []

    def look_up(host, port, **_options):
        lookups.append(host)
        address = "192.88.99.1" if len(lookups) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected = []
    monkeypatch.setattr(public_address.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(public_address.socket.socket, "connect", lambda _self, to: connected.append(to[0]))
    public_address.connect("rebind.example.org", 80, 1, allow_private=False).close()
    assert lookups == ["rebind.example.org"]
    assert connected == ["192.88.99.1"]


def test_of_a_name_with_both_kinds_only_the_public_address_is_connected_to(monkeypatch):
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("127.0.0.1", "192.88.99.1")
    ]
    connected = []
    monkeypatch.setattr(public_address.socket, "getaddrinfo", lambda *_, **__: both)
    monkeypatch.setattr(public_address.socket.socket, "connect", lambda _self, to: connected.append(to[0]))
    public_address.connect("both.example.org", 80, 1, allow_private=False).close()
    assert connected == ["192.88.99.1"]
