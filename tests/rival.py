"""A client that takes a worker's client id again whenever it has lost it.

`python -m tests.rival HOST PORT ID`
"""

import sys

import paho.mqtt.client as mqtt

if __name__ == "__main__":
    host, port, name = sys.argv[1:]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect(host, int(port))
    client.loop_forever()
