"""An MQTT client that connects to nothing, and a subscriber of which a test can reach the client."""

from ingest_worker.mqtt_packets import Framer
from ingest_worker.subscriber import Subscriber


class FakeClient:
    """A stand-in for MqttClient with the same public methods; it keeps what it is asked to send."""

    def __init__(self, *_arguments, on_messages, await_room, **_options):
        self.on_messages = on_messages
        self.await_room = await_room
        self.framer = Framer()
        self.is_running = False
        self.subscribed = []
        self.unsubscribed = []
        self.publishes = []
        self.acknowledgements = []

    def configure(self, settings):
        """Do nothing: there is no connection."""

    def loop_start(self):
        self.is_running = True

    def loop_stop(self):
        self.is_running = False

    def disconnect(self):
        """Do nothing: there is no connection."""

    def subscribe(self, topics):
        self.subscribed.append(topics)

    def unsubscribe(self, topics):
        self.unsubscribed.append(topics)
        return 0, len(self.unsubscribed)

    def send_publishes(self, packets):
        self.publishes.append(packets)

    def send_acknowledgements(self, packets):
        self.acknowledgements.append(packets)


class SubscriberWithClient(Subscriber):
    """A subscriber whose present client is `client`."""

    def __init__(self, settings, new_client=FakeClient, sources=None):
        def make(*arguments, **options):
            self.client = new_client(*arguments, **options)
            return self.client

        super().__init__(settings, sources=sources, new_client=make)
