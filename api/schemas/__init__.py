"""Shapes of answers, as OpenAPI describes them."""
