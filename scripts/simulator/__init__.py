"""A fleet of electric cars that drive, charge, rest and age, and publish their readings over MQTT."""
